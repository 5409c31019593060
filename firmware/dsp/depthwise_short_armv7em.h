// Macros that the Armv7E-M bodies of depthwise_short.h share. r0 input, r1 step, r2 output, r3
// multiplier, r4 constant. s5 padding, s6 ShortLine, s7 records.
#ifndef TINYDEPLOY_DSP_DEPTHWISE_SHORT_ARMV7EM_H_
#define TINYDEPLOY_DSP_DEPTHWISE_SHORT_ARMV7EM_H_

asm(R"(
    .syntax unified

    .macro td_short_enter
    push {r4-r11, lr}
    vmov s6, r0
    vmov s7, r1
    vldr s5, [r0, #32]
    .endm

    // The next channel's input and output; r12 where its numbers are.
    .macro td_short_channel
    vmov r4, s6
    ldm r4, {r0, r1, r2}
    add r5, r0, #1
    add r6, r2, #1
    str r5, [r4]
    str r6, [r4, #8]
    vmov r12, s7
    .endm

    .macro td_short_leave again
    vmov r12, s6
    ldr r11, [r12, #12]
    subs r11, r11, #1
    str r11, [r12, #12]
    bne \again
    pop {r4-r11, pc}
    .endm

    // Element \e, or padding where none is left.
    .macro td_short_element e, left
    vmov \e, s5
    subs \left, \left, #1
    it ge
    ldrsbge \e, [r0]
    add r0, r0, r1
    .endm

    // To an int8. \free is changed.
    .macro td_short_scale acc, shift, free, signed
    .if \signed
    smmlar \free, \acc, r3, r4
    add \acc, \free, \acc, asr #31
    .else
    smmlar \acc, \acc, r3, r4
    .endif
    .ifnb \shift
    asr \acc, \acc, \shift
    ssat \acc, #8, \acc
    .endif
    .endm

    .macro td_short_store acc
    strb \acc, [r2]
    add r2, r2, r1
    .endm

    // The second output of a pair: after loads this is faster than the above.
    .macro td_short_store_second acc
    strb \acc, [r2, r1]
    add r2, r2, r1, lsl #1
    .endm
)");

#endif  // TINYDEPLOY_DSP_DEPTHWISE_SHORT_ARMV7EM_H_
