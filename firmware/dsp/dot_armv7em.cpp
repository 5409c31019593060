// Armv7E-M bodies of dot.h. By hand, because the inner loop needs all 14 registers: compilers
// spill.
#include "dsp/dot.h"

#if defined(__ARM_FEATURE_DSP)

// DotPairs. r0 columns, r1 stream, r4-r7 {low, raw} x 2 of pixel 0, r8-r11 of pixel 1, r2 r3
// weights, r12 lr activations. Kept in the FPU: s0 columns, s1 their end, s2 where to enter the
// unrolled loop, s3 s4 outputs, s5 end of the stream, s6 its begin, s7 pairs left, s8 from the end
// of a pair's outputs to the next pair's, s9 bytes of a pair's columns. A step is 2 pixels x 4
// channels x 2 depths in 15 cycles.
asm(R"(
    .syntax unified

    .macro td_pair_step
    ldr r12, [r0], #4
    ldr lr, [r0], #4
    ldr r2, [r1], #4
    ldr r3, [r1], #4
    smlad r5, r12, r2, r5
    smlad r9, lr, r2, r9
    sxtb16 r2, r2
    smlad r4, r12, r2, r4
    smlad r8, lr, r2, r8
    smlad r7, r12, r3, r7
    smlad r11, lr, r3, r11
    sxtb16 r3, r3
    smlad r6, r12, r3, r6
    smlad r10, lr, r3, r10
    .endm

    // {low, raw} to 256 times the accumulators of channels A and B.
    .macro td_split low, raw
    sub \raw, \raw, \low
    lsl \low, \low, #8
    .endm

    .macro td_scale acc, multiplier, constant, signed
    .if \signed
    asr lr, \acc, #31
    .endif
    smmla \acc, \acc, \multiplier, \constant
    .if \signed
    add \acc, \acc, lr, lsl #7
    .endif
    .endm

    // Four channels (with 128 added) to the int8 word in \a.
    .macro td_join a, b, c, d
    pkhbt \a, \a, \c, lsl #16
    pkhbt \b, \b, \d, lsl #16
    usat16 \a, #8, \a
    usat16 \b, #8, \b
    orr \a, \a, \b, lsl #8
    eor \a, \a, #0x80808080
    .endm

    .macro td_dot_pairs name, signed, unrolled
    .section .text.\name, "ax", %progbits
    .balign 4
    .global \name
    .type \name, %function
    .thumb_func
\name:
    push {r4-r11, lr}
    ldm r3, {r4-r7}                // DotShape
    vmov s0, r0
    vmov s3, r2
    add r3, r2, r7
    vmov s4, r3
    vmov s6, r1
    vmov s7, r6
    lsl r6, r4, #3
    vmov s9, r6
    add r0, r0, r6
    vmov s1, r0
    lsl r7, r7, #1
    sub r7, r7, r5, lsl #2
    vmov s8, r7
    add r6, r6, #52                // bytes of a group
    mla r6, r6, r5, r1
    vmov s5, r6
    rsb r4, r4, #0
    and r4, r4, #(\unrolled - 1)   // steps to skip in the first turn
    mov r6, #56
    adr r5, 2f
    mla r5, r4, r6, r5
    orr r5, r5, #1                 // Thumb
    vmov s2, r5
1:
    vmov r2, s2
    vmov r0, s0
    ldm r1!, {r4-r7}
    mov r8, r4
    mov r9, r5
    mov r10, r6
    mov r11, r7
    bx r2
    .balign 4
2:
    .rept \unrolled
    td_pair_step
    .endr
    vmov r2, s1
    cmp r0, r2
    bne 2b
    td_split r4, r5
    td_split r6, r7
    td_split r8, r9
    td_split r10, r11
    ldm r1!, {r0, r2, r3, r12}
    td_scale r4, r0, r2, \signed
    td_scale r8, r0, r2, \signed
    td_scale r5, r3, r12, \signed
    td_scale r9, r3, r12, \signed
    .if \signed
    ldm r1!, {r0, r2, r3, r12}
    .else
    ldm r1!, {r0, r2, r3, r12, lr}
    .endif
    td_scale r6, r0, r2, \signed
    td_scale r10, r0, r2, \signed
    td_scale r7, r3, r12, \signed
    td_scale r11, r3, r12, \signed
    .if \signed
    ldr lr, [r1], #4
    .endif
    asr r4, r4, lr
    asr r8, r8, lr
    ror lr, lr, #8
    asr r5, r5, lr
    asr r9, r9, lr
    ror lr, lr, #8
    asr r6, r6, lr
    asr r10, r10, lr
    ror lr, lr, #8
    asr r7, r7, lr
    asr r11, r11, lr
    td_join r4, r5, r6, r7
    td_join r8, r9, r10, r11
    vmov r2, s3
    vmov r3, s4
    str r8, [r3], #4
    str r4, [r2], #4
    vmov s3, r2
    vmov s4, r3
    vmov r2, s5
    cmp r1, r2
    bne 1b
    vmov r0, s7
    subs r0, r0, #1
    beq 3f
    vmov s7, r0
    vmov r1, s6
    vmov r0, s1
    vmov s0, r0
    vmov r2, s9
    add r0, r0, r2
    vmov s1, r0
    vmov r0, s8
    vmov r2, s3
    add r2, r2, r0
    vmov s3, r2
    add r3, r3, r0
    vmov s4, r3
    b 1b
3:
    mov r0, r1
    pop {r4-r11, pc}
    .size \name, . - \name
    .endm

    td_dot_pairs td_dot_pairs_positive, 0, 16
    td_dot_pairs td_dot_pairs_signed, 1, 16
    td_dot_pairs td_dot_pairs_positive_compact, 0, 2
    td_dot_pairs td_dot_pairs_signed_compact, 1, 2
    .text
)");

// DotOne. r0 columns, r1 stream, r4-r11 {low, raw} x 4, the rest activations and weights. Two steps
// are 8 channels x 4 depths in 37 cycles: loads in runs as long as registers are free, since a load
// right after a load costs one cycle less.
asm(R"(
    .macro td_one_pair x, weights, low, raw
    smlad \raw, \x, \weights, \raw
    sxtb16 \weights, \weights
    smlad \low, \x, \weights, \low
    .endm

    .macro td_one_two_steps
    ldr r12, [r0], #4
    ldr r2, [r1], #4
    ldr r3, [r1], #4
    ldr lr, [r1], #4
    td_one_pair r12, r2, r4, r5
    td_one_pair r12, r3, r6, r7
    td_one_pair r12, lr, r8, r9
    ldr r2, [r1], #4
    ldr lr, [r0], #4
    ldr r3, [r1], #4
    td_one_pair r12, r2, r10, r11
    td_one_pair lr, r3, r4, r5
    ldr r2, [r1], #4
    ldr r3, [r1], #4
    ldr r12, [r1], #4
    td_one_pair lr, r2, r6, r7
    td_one_pair lr, r3, r8, r9
    td_one_pair lr, r12, r10, r11
    .endm

    .macro td_dot_one name, signed, unrolled
    .section .text.\name, "ax", %progbits
    .balign 4
    .global \name
    .type \name, %function
    .thumb_func
\name:
    push {r4-r11, lr}
    ldr r5, [sp, #36]              // octets
    vmov s0, r0
    vmov s3, r2
    add r0, r0, r3, lsl #2
    vmov s1, r0
    lsl r6, r3, #4
    add r6, r6, #104               // bytes of a group
    mla r6, r6, r5, r1
    vmov s5, r6
    asr r3, r3, #1
    rsb r3, r3, #0
    and r3, r3, #(\unrolled - 1)   // double steps to skip in the first turn
    mov r6, #136
    adr r5, 2f
    mla r5, r3, r6, r5
    orr r5, r5, #1                 // Thumb
    vmov s2, r5
1:
    vmov r2, s2
    vmov r0, s0
    ldm r1!, {r4-r11}
    bx r2
    .balign 4
2:
    .rept \unrolled
    td_one_two_steps
    .endr
    vmov r2, s1
    cmp r0, r2
    bne 2b
    td_split r4, r5
    td_split r6, r7
    td_split r8, r9
    td_split r10, r11
    ldm r1!, {r0, r2, r3, r12}
    td_scale r4, r0, r2, \signed
    td_scale r5, r3, r12, \signed
    ldm r1!, {r0, r2, r3, r12}
    td_scale r6, r0, r2, \signed
    td_scale r7, r3, r12, \signed
    ldm r1!, {r0, r2, r3, r12}
    td_scale r8, r0, r2, \signed
    td_scale r9, r3, r12, \signed
    ldm r1!, {r0, r2, r3, r12}
    td_scale r10, r0, r2, \signed
    td_scale r11, r3, r12, \signed
    ldm r1!, {r2, r3}
    asr r4, r4, r2
    ror r2, r2, #8
    asr r5, r5, r2
    ror r2, r2, #8
    asr r6, r6, r2
    ror r2, r2, #8
    asr r7, r7, r2
    asr r8, r8, r3
    ror r3, r3, #8
    asr r9, r9, r3
    ror r3, r3, #8
    asr r10, r10, r3
    ror r3, r3, #8
    asr r11, r11, r3
    td_join r4, r5, r6, r7
    td_join r8, r9, r10, r11
    vmov r2, s3
    str r4, [r2], #4
    str r8, [r2], #4
    vmov s3, r2
    vmov r2, s5
    cmp r1, r2
    bne 1b
    mov r0, r1
    pop {r4-r11, pc}
    .size \name, . - \name
    .endm

    td_dot_one td_dot_one_positive, 0, 8
    td_dot_one td_dot_one_signed, 1, 8
    td_dot_one td_dot_one_positive_compact, 0, 1
    td_dot_one td_dot_one_signed_compact, 1, 1
    .text
)");

asm(R"(
    // \word of a patch, for one pixel of a pair.
    .macro td_gather_word word
    sxtb16 lr, \word
    str lr, [r4], #8
    sxtb16 \word, \word, ror #8
    str \word, [r4], #8
    .endm

    .section .text.td_gather, "ax", %progbits
    .balign 4
    .global td_gather
    .type td_gather, %function
    .thumb_func
td_gather:
    push {r4-r11, lr}
    ldm r1, {r5-r8}                // GatherShape
    ldr r4, [sp, #36]              // out
    vmov s0, r7
    sub r8, r8, #8
    vmov s1, r8
1:
    mov r9, r0
    mov r10, r5
2:
    ldr r11, [r9], #4
    add r11, r11, r2
    lsrs r1, r6, #1
    bcc 3f
    ldr r7, [r11], #4
    td_gather_word r7
    beq 6f
3:
    lsrs r1, r1, #1
    bcc 5f
    ldr r7, [r11], #4
    ldr r8, [r11], #4
    td_gather_word r7
    td_gather_word r8
    beq 6f
5:
    ldr r7, [r11], #4
    ldr r8, [r11], #4
    td_gather_word r7
    td_gather_word r8
    ldr r7, [r11], #4
    ldr r8, [r11], #4
    td_gather_word r7
    td_gather_word r8
    subs r1, r1, #1
    bne 5b
6:
    subs r10, r10, #1
    bne 2b
4:
    vmov r7, s0
    vmov r1, s1
    add r2, r2, r7                 // the next pixel's patch
    tst r4, #4
    it eq
    subeq r4, r4, r1               // from pixel 0 back to its pair's other half
    sub r4, r4, #4
    subs r3, r3, #1
    bne 1b
    mov r0, r4
    pop {r4-r11, pc}
    .size td_gather, . - td_gather

    .section .text.td_widen, "ax", %progbits
    .balign 4
    .global td_widen
    .type td_widen, %function
    .thumb_func
td_widen:
    cbz r1, 2f
1:
    ldr r12, [r0], #4
    sxtb16 r3, r12
    str r3, [r2], #4
    sxtb16 r3, r12, ror #8
    str r3, [r2], #4
    subs r1, r1, #1
    bne 1b
2:
    mov r0, r2
    bx lr
    .size td_widen, . - td_widen
    .text
)");

#endif  // __ARM_FEATURE_DSP
