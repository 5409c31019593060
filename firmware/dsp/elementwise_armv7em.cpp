// Armv7E-M bodies of elementwise.h and pool.h: short loops that compilers spill or do not unroll.
#include "dsp/elementwise.h"
#include "dsp/pool.h"

#if defined(__ARM_FEATURE_DSP)

// r1 r2 inputs, r3 output, r4 its end, r5 r6 factors, r7 constant, r8 r9 words of the inputs, then
// {0 2} times 256 of both, r10 r11 {1 3} times 256, r12 lr r8 r9 sums.
asm(R"(
    .syntax unified
    .section .text.td_add_words, "ax", %progbits
    .balign 4
    .global td_add_words
    .type td_add_words, %function
    .thumb_func
td_add_words:
    push {r4-r11, lr}
    ldm r0, {r4-r7}                // AddParams
    bics r4, r4, #3
    beq 2f
    add r4, r4, r3
1:
    ldr r8, [r1], #4
    ldr r9, [r2], #4
    and r10, r8, #0xff00ff00
    and r11, r9, #0xff00ff00
    smlawb r12, r5, r10, r7
    smlawt lr, r5, r10, r7
    smlawb r12, r6, r11, r12
    smlawt lr, r6, r11, lr
    usat r12, #8, r12, asr #20     // element 1
    usat lr, #8, lr, asr #20       // element 3
    orr r12, r12, lr, lsl #16
    lsl r8, r8, #8
    lsl r9, r9, #8
    and r8, r8, #0xff00ff00
    and r9, r9, #0xff00ff00
    smlawb r10, r5, r8, r7
    smlawt r11, r5, r8, r7
    smlawb r10, r6, r9, r10
    smlawt r11, r6, r9, r11
    usat r10, #8, r10, asr #20     // element 0
    usat r11, #8, r11, asr #20     // element 2
    orr r10, r10, r11, lsl #16
    orr r10, r10, r12, lsl #8
    eor r10, r10, #0x80808080
    str r10, [r3], #4
    cmp r3, r4
    bne 1b
2:
    pop {r4-r11, pc}
    .size td_add_words, . - td_add_words

    .macro td_sum_pixel word
    sxtab16 r4, r4, \word
    sxtab16 r5, r5, \word, ror #8
    .endm

    .macro td_sum_two_pixels
    ldr r12, [r0]
    ldr r6, [r0, r2]
    add r0, r0, r2, lsl #1
    td_sum_pixel r12
    td_sum_pixel r6
    .endm

    .section .text.td_sum_pixels, "ax", %progbits
    .balign 4
    .global td_sum_pixels
    .type td_sum_pixels, %function
    .thumb_func
td_sum_pixels:
    push {r4-r6}
    ldrd r4, r5, [r3]
    lsrs r1, r1, #1
    bcc 1f
    ldr r12, [r0]
    add r0, r0, r2
    td_sum_pixel r12
1:
    lsrs r1, r1, #1
    bcc 2f
    td_sum_two_pixels
2:
    cmp r1, #0
    beq 4f
3:
    td_sum_two_pixels
    td_sum_two_pixels
    subs r1, r1, #1
    bne 3b
4:
    strd r4, r5, [r3]
    pop {r4-r6}
    bx lr
    .size td_sum_pixels, . - td_sum_pixels
    .text
)");

#endif  // __ARM_FEATURE_DSP
