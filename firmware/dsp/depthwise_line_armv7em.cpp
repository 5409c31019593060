// Armv7E-M bodies of depthwise_line.h, by hand: what is used once a block waits in the FPU.
#include "dsp/depthwise_line.h"

#if defined(__ARM_FEATURE_DSP)

// r0 plane, r1 weights, r2 output, r3 words, r4-r7 sums, r8 r9 words, r10 r11 weights, r12 steps
// left. s0 weights, s1 start, s2 multiplier, s3 constant, s4 shift, s5 step of the output, s6
// pairs, s7 blocks left. Two steps are four outputs x two words in 20 cycles.
asm(R"(
    .syntax unified

    // The four outputs with the words \a (before) and \b.
    .macro td_line_step a, b
    ldr \b, [r3], #16
    ldr r10, [r1], #4
    ldr r11, [r1], #4
    smlad r4, \a, r10, r4
    smlad r5, \a, r11, r5
    smlad r6, \b, r10, r6
    smlad r7, \b, r11, r7
    .endm

    .macro td_line_output acc, multiplier, constant, shift, step, signed
    .if \signed
    asr lr, \acc, #31
    .endif
    smmla \acc, \acc, \multiplier, \constant
    .if \signed
    add \acc, \acc, lr, lsl #7
    .endif
    asr \acc, \acc, \shift
    ssat \acc, #8, \acc
    strb \acc, [r2]
    add r2, r2, \step
    .endm

    .macro td_line name, signed
    .section .text.\name, "ax", %progbits
    .balign 4
    .global \name
    .type \name, %function
    .thumb_func
\name:
    push {r4-r11, lr}
    ldm r3, {r4-r7}                // LineShape
    ldm r1!, {r8-r11}              // numbers
    vmov s0, r1
    vmov s1, r8
    vmov s2, r9
    vmov s3, r10
    vmov s4, r11
    vmov s5, r7
    vmov s6, r4
    vmov s7, r5
    vmov s8, r6
1:
    vmov r12, s6
    vmov r1, s0
    vmov r4, s1
    mov r3, r0
    ldr r8, [r3], #16
    mov r5, r4
    mov r6, r4
    mov r7, r4
    lsrs r12, r12, #1
    bcc 2f
    td_line_step r8, r9
    mov r8, r9
    cmp r12, #0
    beq 3f
2:
    td_line_step r8, r9
    td_line_step r9, r8
    subs r12, r12, #1
    bne 2b
3:
    vmov r8, s2
    vmov r9, s3
    vmov r10, s4
    vmov r11, s5
    vmov r3, s7
    subs r3, r3, #1
    beq 4f
    vmov s7, r3
    td_line_output r4, r8, r9, r10, r11, \signed
    td_line_output r5, r8, r9, r10, r11, \signed
    td_line_output r6, r8, r9, r10, r11, \signed
    td_line_output r7, r8, r9, r10, r11, \signed
    add r0, r0, #32
    b 1b
4:
    vmov r3, s8
    .irp acc, r4, r5, r6, r7
    td_line_output \acc, r8, r9, r10, r11, \signed
    subs r3, r3, #1
    beq 5f
    .endr
5:
    pop {r4-r11, pc}
    .size \name, . - \name
    .endm

    td_line td_line_positive, 0
    td_line td_line_signed, 1
    .text
)");

#endif  // __ARM_FEATURE_DSP
