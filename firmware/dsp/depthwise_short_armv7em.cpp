// Armv7E-M bodies of depthwise_short.h, by hand: a window, its weights and the numbers fill the
// registers; compilers spill.
#include "dsp/depthwise_short.h"

#if defined(__ARM_FEATURE_DSP)

#include "dsp/depthwise_short_armv7em.h"

// Three taps. r5 {w0 w1}, r6 {w1 w2}, r7 start, r8 shift, r9 r10 window, r11 r12 sums, lr end of
// the blocks. Four outputs take 45 cycles, positive 41.
asm(R"(
    .macro td_three_pair window, next, pending
    ldrsb r11, [r0]
    ldrsb \next, [r0, r1]
    .ifnb \pending
    td_short_store_second \pending
    .endif
    add r0, r0, r1, lsl #1
    pkhbt \next, r11, \next, lsl #16
    .endm

    .macro td_three_two window, next, pending, signed
    td_three_pair \window, \next, \pending
    smlad r11, \window, r5, r7
    smlatb r12, \window, r5, r7
    smlabt r11, \next, r6, r11
    smlad r12, \next, r6, r12
    td_short_scale r11, r8, \window, \signed
    strb r11, [r2]
    td_short_scale r12, r8, \window, \signed
    .endm

    .macro td_three_stride2 window, next, signed
    td_three_pair \window, \next
    smlad r11, \window, r5, r7
    smlabt r11, \next, r6, r11
    td_short_scale r11, r8, \window, \signed
    td_short_store r11
    .endm

    .macro td_three_shift
    lsl r12, r12, #16
    pkhtb r9, r12, r9, asr #16
    .endm

    .macro td_short_three name, stride, signed
    .section .text.\name, "ax", %progbits
    .balign 4
    .global \name
    .type \name, %function
    .thumb_func
\name:
    td_short_enter
1:
    td_short_channel
    ldr r11, [r4, #16]             // front
    ldr lr, [r4, #20]              // span
    vmov r9, s5
    ldm r12!, {r3-r8}
    vmov s7, r12
    cmp r11, #0
    beq 3f
2:
    ldrsb r12, [r0]
    add r0, r0, r1
    td_three_shift
    subs r11, r11, #1
    bne 2b
3:
    add lr, lr, r0
    cmp r0, lr
    beq 5f
4:
    .if \stride == 1
    td_three_two r9, r10, , \signed
    td_three_two r10, r9, r12, \signed
    td_short_store_second r12
    .else
    td_three_stride2 r9, r10, \signed
    td_three_stride2 r10, r9, \signed
    .endif
    cmp r0, lr
    bne 4b
5:
    vmov r12, s6
    ldr lr, [r12, #24]             // rest
    ldr r10, [r12, #28]            // left
    cmp lr, #0
    beq 7f
6:
    td_short_element r12, r10
    smlad r11, r9, r5, r7
    smlabt r11, r12, r6, r11
    td_three_shift
    td_short_scale r11, r8, r12, \signed
    td_short_store r11
    .if \stride == 2
    td_short_element r12, r10
    td_three_shift
    .endif
    subs lr, lr, #1
    bne 6b
7:
    td_short_leave 1b
    .size \name, . - \name
    .endm

    td_short_three td_short_three_positive, 1, 0
    td_short_three td_short_three_signed, 1, 1
    td_short_three td_short_three_stride2_positive, 2, 0
    td_short_three td_short_three_stride2_signed, 2, 1
    .text
)");

// Five taps. r5 {w0 w1}, r6 {w2 w3}, r7 {w1 w2}, r8 {w3 w4}, r9-r11 window, r12 lr sums. s0 start,
// s1 shift, s2 end of the blocks, s3 rest, s4 left. Four outputs take 61 cycles, positive 57.
asm(R"(
    .macro td_five_pair next, pending
    ldrsb r12, [r0]
    ldrsb \next, [r0, r1]
    .ifnb \pending
    td_short_store_second \pending
    .endif
    add r0, r0, r1, lsl #1
    pkhbt \next, r12, \next, lsl #16
    vmov r12, s0
    .endm

    .macro td_five_two a, b, next, pending, signed
    td_five_pair \next, \pending
    vmov lr, s0
    smlad r12, \a, r5, r12
    smlatb lr, \a, r5, lr
    smlad r12, \b, r6, r12
    smlad lr, \b, r7, lr
    smlabt r12, \next, r8, r12
    smlad lr, \next, r8, lr
    td_short_scale r12, , \a, \signed
    td_short_scale lr, , \a, \signed
    vmov \a, s1
    asr r12, r12, \a
    asr lr, lr, \a
    ssat r12, #8, r12
    ssat lr, #8, lr
    strb r12, [r2]
    .endm

    .macro td_five_stride2 a, b, next, signed
    td_five_pair \next
    smlad r12, \a, r5, r12
    smlad r12, \b, r6, r12
    smlabt r12, \next, r8, r12
    vmov lr, s1
    td_short_scale r12, lr, \a, \signed
    td_short_store r12
    .endm

    .macro td_five_shift
    lsr r9, r9, #16
    pkhbt r9, r9, r10, lsl #16
    lsr r10, r10, #16
    pkhbt r10, r10, r12, lsl #16
    .endm

    .macro td_five_element
    vmov lr, s4
    td_short_element r12, lr
    vmov s4, lr
    .endm

    .macro td_short_five name, stride, signed
    .section .text.\name, "ax", %progbits
    .balign 4
    .global \name
    .type \name, %function
    .thumb_func
\name:
    td_short_enter
1:
    td_short_channel
    ldr r11, [r4, #16]             // front
    vldr s2, [r4, #20]             // span
    vldr s3, [r4, #24]             // rest
    vldr s4, [r4, #28]             // left
    ldm r12!, {r3-r10}
    vmov s7, r12
    vmov s0, r9
    vmov s1, r10
    vmov r9, s5
    mov r10, r9
    cmp r11, #0
    beq 3f
2:
    ldrsb r12, [r0]
    add r0, r0, r1
    td_five_shift
    subs r11, r11, #1
    bne 2b
3:
    vmov r12, s2
    add r12, r12, r0
    vmov s2, r12
    cmp r0, r12
    beq 5f
4:
    .if \stride == 1
    td_five_two r9, r10, r11, , \signed
    td_five_two r10, r11, r9, lr, \signed
    td_short_store_second lr
    .else
    td_five_stride2 r9, r10, r11, \signed
    td_five_stride2 r10, r11, r9, \signed
    .endif
    mov r10, r9
    mov r9, r11
    vmov r12, s2
    cmp r0, r12
    bne 4b
5:
    vmov lr, s3
    cmp lr, #0
    beq 7f
6:
    td_five_element
    vmov lr, s0
    smlad lr, r9, r5, lr
    smlad lr, r10, r6, lr
    smlabt lr, r12, r8, lr
    td_five_shift
    vmov r11, s1
    td_short_scale lr, r11, r12, \signed
    td_short_store lr
    .if \stride == 2
    td_five_element
    td_five_shift
    .endif
    vmov lr, s3
    subs lr, lr, #1
    vmov s3, lr
    bne 6b
7:
    td_short_leave 1b
    .size \name, . - \name
    .endm

    td_short_five td_short_five_positive, 1, 0
    td_short_five td_short_five_signed, 1, 1
    td_short_five td_short_five_stride2_positive, 2, 0
    td_short_five td_short_five_stride2_signed, 2, 1
    .text
)");

#endif  // __ARM_FEATURE_DSP
