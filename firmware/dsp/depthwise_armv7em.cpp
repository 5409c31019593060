// Armv7E-M bodies of depthwise.h and depthwise_any.h, by hand: the 2 x 2 step keeps 6 weight words,
// 4 sums and 2 words of activations in registers beside its two pointers; what is used once a step
// waits in the FPU.
#include "dsp/depthwise.h"
#include "dsp/depthwise_any.h"

#if defined(__ARM_FEATURE_DSP)

// r0 column, r1 the column to its right, lr (stride 2) the one after, r4-r9 weights {0 1}, {1 2} of
// the kernel's columns, times 256, r10.. sums. s0 start, s1 multiplier, s2 constant, s3 shift, s4
// output, s5-s11 DepthwiseColumns, s12 next column, s13 its output, s14 end of the column.
asm(R"(
    .syntax unified

    // Two lines of outputs from a pair of words, kernel column \w01 \w12.
    .macro td_dw_row upper, lower, w01, w12
    smlad \upper, r2, \w01, \upper
    smlatb \lower, r2, \w01, \lower
    smlabt \upper, r3, \w12, \upper
    smlad \lower, r3, \w12, \lower
    .endm

    .macro td_dw_scale acc, temp, signed
    .if \signed
    asr \temp, \acc, #31
    .endif
    smmla \acc, \acc, r2, r3
    .if \signed
    add \acc, \acc, \temp, lsl #7
    .endif
    .endm

    .macro td_dw_enter
    push {r4-r11, lr}
    vmov s12, r0
    vmov s13, r2
    ldm r1!, {r10, r11, r12}
    vldm r1, {s0-s3}
    vldm r3, {s5-s11}
    and r4, r10, #0xff00ff00
    lsl r5, r10, #8
    and r5, r5, #0xff00ff00
    and r6, r11, #0xff00ff00
    lsl r7, r11, #8
    and r7, r7, #0xff00ff00
    and r8, r12, #0xff00ff00
    lsl r9, r12, #8
    and r9, r9, #0xff00ff00
    .endm

    // The next column of outputs: s4 its output, s5 to its lower line, s14 its end.
    .macro td_dw_next_column
    vmov r2, s9
    subs r2, r2, #1
    it eq
    vmoveq.f32 s5, s10
    vmov s9, r2
    vmov r2, s13
    vmov r3, s5
    vmov s4, r2
    add r2, r2, r3, lsl #1
    vmov s13, r2
    vmov r2, s8
    add r3, r0, r2
    vmov s14, r3
    .endm

    .macro td_depthwise name, signed
    .section .text.\name, "ax", %progbits
    .balign 4
    .global \name
    .type \name, %function
    .thumb_func
\name:
    td_dw_enter
1:
    vmov r0, s12
    vmov r1, s7
    add r1, r0, r1
    vmov s12, r1
    td_dw_next_column
    cmp r2, #0
    beq 3f
2:
    vmov r10, s0
    ldr r2, [r0], #32
    ldr r3, [r1], #32
    mov r11, r10
    mov r12, r10
    mov lr, r10
    td_dw_row r10, r11, r4, r5
    ldr r2, [r0, #-16]
    ldr r3, [r1, #-16]
    td_dw_row r10, r11, r6, r7
    td_dw_row r12, lr, r4, r5
    ldr r2, [r0]
    ldr r3, [r1]
    td_dw_row r10, r11, r8, r9
    td_dw_row r12, lr, r6, r7
    ldr r2, [r0, #16]
    ldr r3, [r1, #16]
    td_dw_row r12, lr, r8, r9
    .if \signed
    vmov s15, r1
    .endif
    vmov r2, s1
    vmov r3, s2
    td_dw_scale r10, r1, \signed
    td_dw_scale r11, r1, \signed
    td_dw_scale r12, r1, \signed
    td_dw_scale lr, r1, \signed
    .if \signed
    vmov r1, s15
    .endif
    vmov r2, s3
    vmov r3, s4
    asr r10, r10, r2
    asr r11, r11, r2
    asr r12, r12, r2
    asr lr, lr, r2
    vmov r2, s5
    ssat r10, #8, r10
    ssat r11, #8, r11
    ssat r12, #8, r12
    ssat lr, #8, lr
    strb r11, [r3, r2]
    vmov r11, s6
    strb r10, [r3]
    add r3, r3, r11
    strb lr, [r3, r2]
    strb r12, [r3]
    add r3, r3, r11
    vmov r2, s14
    vmov s4, r3
    cmp r0, r2
    bne 2b
3:
    vmov r2, s11
    cmp r2, #0
    beq 4f
    vmov r10, s0
    ldr r2, [r0]
    ldr r3, [r1]
    mov r11, r10
    td_dw_row r10, r11, r4, r5
    ldr r2, [r0, #16]
    ldr r3, [r1, #16]
    td_dw_row r10, r11, r6, r7
    ldr r2, [r0, #32]
    ldr r3, [r1, #32]
    td_dw_row r10, r11, r8, r9
    vmov r2, s1
    vmov r3, s2
    td_dw_scale r10, r12, \signed
    td_dw_scale r11, r12, \signed
    vmov r2, s3
    vmov r3, s4
    asr r10, r10, r2
    asr r11, r11, r2
    vmov r2, s5
    ssat r10, #8, r10
    ssat r11, #8, r11
    strb r11, [r3, r2]
    strb r10, [r3]
4:
    vmov r2, s9
    cmp r2, #0
    bne 1b
    pop {r4-r11, pc}
    .size \name, . - \name
    .endm

    td_depthwise td_depthwise_positive, 0
    td_depthwise td_depthwise_signed, 1

    // Stride 2: the upper output from words \r2 \r3, the lower one from \r3 \r12.
    .macro td_dw_row2 w01, w12
    smlad r10, r2, \w01, r10
    smlad r11, r3, \w01, r11
    smlabt r10, r3, \w12, r10
    smlabt r11, r12, \w12, r11
    .endm

    .macro td_depthwise_stride2 name, signed
    .section .text.\name, "ax", %progbits
    .balign 4
    .global \name
    .type \name, %function
    .thumb_func
\name:
    td_dw_enter
1:
    vmov r0, s12
    vmov r12, s7
    add r1, r0, r12
    add lr, r1, r12
    vmov s12, lr
    td_dw_next_column
2:
    vmov r10, s0
    ldr r2, [r0], #32
    ldr r3, [r1], #32
    ldr r12, [lr], #32
    mov r11, r10
    td_dw_row2 r4, r5
    ldr r2, [r0, #-16]
    ldr r3, [r1, #-16]
    ldr r12, [lr, #-16]
    td_dw_row2 r6, r7
    ldr r2, [r0]
    ldr r3, [r1]
    ldr r12, [lr]
    td_dw_row2 r8, r9
    vmov r2, s1
    vmov r3, s2
    td_dw_scale r10, r12, \signed
    td_dw_scale r11, r12, \signed
    vmov r2, s3
    vmov r3, s4
    asr r10, r10, r2
    asr r11, r11, r2
    vmov r2, s5
    vmov r12, s6
    ssat r10, #8, r10
    ssat r11, #8, r11
    strb r11, [r3, r2]
    strb r10, [r3]
    add r3, r3, r12
    vmov s4, r3
    vmov r2, s14
    cmp r0, r2
    bne 2b
    vmov r2, s9
    cmp r2, #0
    bne 1b
    pop {r4-r11, pc}
    .size \name, . - \name
    .endm

    td_depthwise_stride2 td_depthwise_stride2_positive, 0
    td_depthwise_stride2 td_depthwise_stride2_signed, 1

    .macro td_expand_pixels
    ldr r6, [r0]
    ldr r12, [r1]
    add r0, r0, r2
    add r1, r1, r3
    pkhbt lr, r6, r12, lsl #16
    pkhtb r12, r12, r6, asr #16
    sxtb16 r6, lr
    str r6, [r5], #16
    sxtb16 lr, lr, ror #8
    str lr, [r5, #-12]
    sxtb16 r6, r12
    str r6, [r5, #-8]
    sxtb16 r12, r12, ror #8
    str r12, [r5, #-4]
    .endm

    .section .text.td_expand_lines, "ax", %progbits
    .balign 4
    .global td_expand_lines
    .type td_expand_lines, %function
    .thumb_func
td_expand_lines:
    push {r4-r6, lr}
    ldr r4, [sp, #16]              // count
    ldr r5, [sp, #20]              // out
    lsrs r4, r4, #1
    bcc 2f
    td_expand_pixels
2:
    cmp r4, #0
    beq 3f
1:
    td_expand_pixels
    td_expand_pixels
    subs r4, r4, #1
    bne 1b
3:
    mov r0, r5
    pop {r4-r6, pc}
    .size td_expand_lines, . - td_expand_lines

    // r0 words of a kernel column, r1 weights, r2 to the second position, r3 to the word below, r4-r7
    // sums, r8 kernel columns left, r9 words left, r10 word, r11 weights, r12 lr activations.
    .section .text.td_depthwise_taps, "ax", %progbits
    .balign 4
    .global td_depthwise_taps
    .type td_depthwise_taps, %function
    .thumb_func
td_depthwise_taps:
    push {r4-r11, lr}
    vmov s1, r2
    ldr r4, [r2]
    ldr r8, [r3]
    ldr r9, [r3, #4]
    ldr r2, [r3, #12]
    ldr r3, [r3, #8]
    vmov s0, r9
    mov r5, r4
    mov r6, r4
    mov r7, r4
1:
    vmov r9, s0
    mov r10, r0
2:
    ldr r12, [r10]
    ldr lr, [r10, r2]
    ldr r11, [r1], #4
    add r10, r10, r3
    smlad r4, r12, r11, r4
    smlad r6, lr, r11, r6
    ldr r11, [r1], #4
    subs r9, r9, #1
    smlad r5, r12, r11, r5
    smlad r7, lr, r11, r7
    bne 2b
    add r0, r0, #16
    subs r8, r8, #1
    bne 1b
    vmov r2, s1
    stm r2, {r4-r7}
    pop {r4-r11, pc}
    .size td_depthwise_taps, . - td_depthwise_taps
    .text
)");

#endif  // __ARM_FEATURE_DSP
