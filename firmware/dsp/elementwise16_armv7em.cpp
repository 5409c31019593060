// Armv7E-M bodies of elementwise16.h: the loop of sums needs 15 registers, and compilers reload
// eight of them for every pair.
#include "dsp/elementwise16.h"

#if defined(__ARM_FEATURE_DSP)

// r1 fine, r2 coarse, r3 output, r5 r6 r7 factor of the fine input: multiplier, half, shift, r8 of
// the coarse one, r9 r10 r11 of the sum, r12 lr lanes, r0 r4 free. Kept in the FPU: s0 end, s1 s2
// limits. A pair takes 30 cycles.
asm(R"(
    .syntax unified

    .macro td_add_lane16 lane, half, mode
    smmlar r4, \lane, r5, r6
    add \lane, r4, \lane, asr #31
    asr \lane, \lane, r7
    smlaw\half \lane, r8, r0, \lane
    lsl \lane, \lane, #1
    smmlar r4, \lane, r9, r10
    add \lane, r4, \lane, asr #31
    asr \lane, \lane, r11
    .if \mode == 1
    usat \lane, #15, \lane
    .else
    ssat \lane, #16, \lane
    .endif
    .endm

    .macro td_add_pairs16 name, mode   // 0: signed, 1: positive, 2: clamped
    .section .text.\name, "ax", %progbits
    .balign 4
    .global \name
    .type \name, %function
    .thumb_func
\name:
    push {r4-r11, lr}
    ldr r4, [sp, #36]              // pairs
    cmp r4, #0
    beq 2f
    add r4, r3, r4, lsl #2
    vmov s0, r4
    ldrd r5, r7, [r0, #16]         // AddParams16
    ldrd r8, r9, [r0, #24]
    ldr r11, [r0, #32]
    mov r4, #1
    sub r6, r7, #1
    lsl r6, r4, r6
    sub r10, r11, #1
    lsl r10, r4, r10
    .if \mode == 2
    ldrh r4, [r0, #36]
    ldrh r12, [r0, #38]
    orr r4, r4, r4, lsl #16
    orr r12, r12, r12, lsl #16
    vmov s1, r4
    vmov s2, r12
    .endif
1:
    ldr r12, [r1], #4
    ldr r0, [r2], #4
    lsl lr, r12, #16
    bfc r12, #0, #16
    td_add_lane16 lr, b, \mode
    td_add_lane16 r12, t, \mode
    pkhbt lr, lr, r12, lsl #16
    .if \mode == 2
    vmov r4, s1
    vmov r12, s2
    ssub16 r0, lr, r4
    sel lr, lr, r4
    ssub16 r0, lr, r12
    sel lr, r12, lr
    .endif
    str lr, [r3], #4
    vmov r4, s0
    cmp r3, r4
    bne 1b
2:
    pop {r4-r11, pc}
    .size \name, . - \name
    .endm

    td_add_pairs16 td_add_pairs16_signed, 0
    td_add_pairs16 td_add_pairs16_positive, 1
    td_add_pairs16 td_add_pairs16_clamped, 2
    .text
)");

#endif  // __ARM_FEATURE_DSP
