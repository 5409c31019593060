#include "app/sha256.h"

#include <string.h>

namespace tinydeploy {
namespace {

constexpr uint32_t kBlockBytes = 64, kLengthBytes = 8;

// Fractions of the cube roots of the first 64 primes.
constexpr uint32_t kRounds[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

// Of the square roots of the first eight.
constexpr uint32_t kStart[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

uint32_t Rotated(uint32_t word, int by) { return word >> by | word << (32 - by); }

uint32_t Mixed(uint32_t word, int first, int second, int shift) {
  return Rotated(word, first) ^ Rotated(word, second) ^ (word >> shift);
}

uint32_t Stirred(uint32_t word, int first, int second, int third) {
  return Rotated(word, first) ^ Rotated(word, second) ^ Rotated(word, third);
}

uint32_t BigEndian(const uint8_t* at) {
  uint32_t word;
  memcpy(&word, at, sizeof(word));
  return __builtin_bswap32(word);
}

// One round; the names of the state move on by one from call to call instead of its values.
[[gnu::always_inline]] inline void Round(uint32_t a, uint32_t b, uint32_t c, uint32_t& d,
                                         uint32_t e, uint32_t f, uint32_t g, uint32_t& h,
                                         uint32_t term) {
  h += Stirred(e, 6, 11, 25) + ((e & f) ^ (~e & g)) + term;
  d += h;
  h += Stirred(a, 2, 13, 22) + ((a & b) ^ (a & c) ^ (b & c));
}

// Word `i` of the schedule and its constant. The last 16 words are kept.
[[gnu::always_inline]] inline uint32_t Term(uint32_t words[16], int i) {
  uint32_t& word = words[i & 15];
  if (i >= 16) {
    word += Mixed(words[(i + 1) & 15], 7, 18, 3) + words[(i + 9) & 15] +
            Mixed(words[(i + 14) & 15], 17, 19, 10);
  }
  return word + kRounds[i];
}

void Take(const uint8_t* block, uint32_t state[8]) {
  uint32_t words[16];
  for (int i = 0; i < 16; ++i) words[i] = BigEndian(block + 4 * i);
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
  uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
  for (int i = 0; i < 64; i += 8) {
    Round(a, b, c, d, e, f, g, h, Term(words, i));
    Round(h, a, b, c, d, e, f, g, Term(words, i + 1));
    Round(g, h, a, b, c, d, e, f, Term(words, i + 2));
    Round(f, g, h, a, b, c, d, e, Term(words, i + 3));
    Round(e, f, g, h, a, b, c, d, Term(words, i + 4));
    Round(d, e, f, g, h, a, b, c, Term(words, i + 5));
    Round(c, d, e, f, g, h, a, b, Term(words, i + 6));
    Round(b, c, d, e, f, g, h, a, Term(words, i + 7));
  }
  const uint32_t sums[8] = {a, b, c, d, e, f, g, h};
  for (int i = 0; i < 8; ++i) state[i] += sums[i];
}

}  // namespace

void Sha256(const uint8_t* data, uint32_t bytes, uint8_t digest[32]) {
  uint32_t state[8];
  memcpy(state, kStart, sizeof(state));
  uint32_t left = bytes;
  for (; left >= kBlockBytes; left -= kBlockBytes, data += kBlockBytes) Take(data, state);
  uint8_t last[kBlockBytes] = {};
  memcpy(last, data, left);
  last[left] = 0x80;
  if (left >= kBlockBytes - kLengthBytes) {
    Take(last, state);
    memset(last, 0, sizeof(last));
  }
  const uint32_t length[2] = {__builtin_bswap32(bytes >> 29), __builtin_bswap32(bytes << 3)};
  memcpy(last + kBlockBytes - kLengthBytes, length, sizeof(length));
  Take(last, state);
  for (int i = 0; i < 8; ++i) {
    const uint32_t word = __builtin_bswap32(state[i]);
    memcpy(digest + 4 * i, &word, sizeof(word));
  }
}

}  // namespace tinydeploy
