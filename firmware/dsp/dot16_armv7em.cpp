// Armv7E-M bodies of dot16.h. By hand for the same reason as dot_armv7em.cpp: all 14 registers are
// in use.
#include "dsp/dot16.h"

#if defined(__ARM_FEATURE_DSP)

// r0 columns, r1 stream, r4-r7 sums of pixel 0, r8-r11 of pixel 1, r12 lr activations, r2 r3
// weights. Kept in the FPU: s0 columns, s1 bytes of a pair's columns, s2 output of the group, s3
// bytes from pixel to pixel, s4 groups left, s5 pairs, s6 shift, s7 begin of the group, s8 output
// of the pair, s9 pairs left, s10 end of the pair's columns, s11 s12 limits. A step is 2 pixels x 4
// channels x 2 depths in 18 cycles.
asm(R"(
    .syntax unified

    .macro td_two_channels w, a0, b0, a1, b1
    sxtb16 r3, \w
    sxtb16 \w, \w, ror #8
    smlad \a0, r12, r3, \a0
    smlad \a1, lr, r3, \a1
    smlad \b0, r12, \w, \b0
    smlad \b1, lr, \w, \b1
    .endm

    .macro td_step16
    ldr r2, [r1], #4
    ldr r12, [r0], #4
    ldr lr, [r0], #4
    td_two_channels r2, r4, r5, r8, r9
    ldr r2, [r1], #4
    td_two_channels r2, r6, r7, r10, r11
    .endm

    .macro td_scale16 acc, multiplier, mode
    smmulr \acc, \acc, \multiplier
    .if \mode == 0
    ssat \acc, #16, \acc
    .elseif \mode == 1
    usat \acc, #15, \acc
    .endif
    .endm

    .macro td_limit16 acc
    cmp \acc, r2
    it lt
    movlt \acc, r2
    cmp \acc, r3
    it gt
    movgt \acc, r3
    .endm

    .macro td_dot16 name, mode
    .section .text.\name, "ax", %progbits
    .balign 4
    .global \name
    .type \name, %function
    .thumb_func
\name:
    push {r4-r11, lr}
    ldm r3!, {r4-r8}               // DotShape16
    ldm r3, {r9, r10}
    lsl r4, r4, #3
    vmov s0, r0
    vmov s1, r4
    vmov s2, r2
    vmov s3, r7
    vmov s4, r5
    vmov s5, r6
    vmov s6, r8
    vmov s11, r9
    vmov s12, r10
1:
    vmov s7, r1
    vmov r0, s0
    vmov r2, s2
    vmov s8, r2
    vmov r3, s5
    vmov s9, r3
2:
    vmov r2, s1
    add r2, r2, r0
    vmov s10, r2
    vmov r1, s7
    ldm r1!, {r4-r7}
    mov r8, r4
    mov r9, r5
    mov r10, r6
    mov r11, r7
3:
    .rept 4
    td_step16
    .endr
    vmov r2, s10
    cmp r0, r2
    bne 3b
    vmov r12, s6
    lsl r4, r4, r12
    lsl r5, r5, r12
    lsl r6, r6, r12
    lsl r7, r7, r12
    lsl r8, r8, r12
    lsl r9, r9, r12
    lsl r10, r10, r12
    lsl r11, r11, r12
    ldm r1!, {r2, r3, r12, lr}
    td_scale16 r4, r2, \mode
    td_scale16 r8, r2, \mode
    td_scale16 r5, r3, \mode
    td_scale16 r9, r3, \mode
    td_scale16 r6, r12, \mode
    td_scale16 r10, r12, \mode
    td_scale16 r7, lr, \mode
    td_scale16 r11, lr, \mode
    .if \mode == 2
    vmov r2, s11
    vmov r3, s12
    td_limit16 r4
    td_limit16 r5
    td_limit16 r6
    td_limit16 r7
    td_limit16 r8
    td_limit16 r9
    td_limit16 r10
    td_limit16 r11
    .endif
    pkhbt r4, r4, r5, lsl #16
    pkhbt r6, r6, r7, lsl #16
    pkhbt r8, r8, r9, lsl #16
    pkhbt r10, r10, r11, lsl #16
    vmov r2, s8
    vmov r3, s3
    add r12, r2, r3
    str r8, [r12]
    str r10, [r12, #4]
    str r4, [r2]
    str r6, [r2, #4]
    add r12, r12, r3
    vmov s8, r12
    vmov r3, s9
    subs r3, r3, #1
    vmov s9, r3
    bne 2b
    vmov r2, s2
    add r2, r2, #8
    vmov s2, r2
    vmov r3, s4
    subs r3, r3, #1
    vmov s4, r3
    bne 1b
    mov r0, r1
    pop {r4-r11, pc}
    .size \name, . - \name
    .endm

    td_dot16 td_dot16_signed, 0
    td_dot16 td_dot16_positive, 1
    td_dot16 td_dot16_clamped, 2
    .text
)");

#endif
