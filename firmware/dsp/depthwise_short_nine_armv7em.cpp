// Armv7E-M bodies of depthwise_short.h for up to nine taps, by hand.
#include "dsp/depthwise_short.h"

#if defined(__ARM_FEATURE_DSP)

#include "dsp/depthwise_short_armv7em.h"

// Up to nine taps. r5-r9 window, r10 r11 sums, r12 lr weights. s0-s4 as above, s8-s11 {w0 w1} to
// {w6 w7}, s12-s15 {w1 w2} to {w7 w8}. Four outputs take 90 cycles, positive 86.
asm(R"(
    .macro td_nine_pair next, pending
    ldrsb r10, [r0]
    ldrsb \next, [r0, r1]
    .ifnb \pending
    td_short_store_second \pending
    .endif
    add r0, r0, r1, lsl #1
    pkhbt \next, r10, \next, lsl #16
    vmov r10, s0
    .endm

    // What both outputs of a pair have of window \p: its weights are \even and, but for the first
    // tap, \odd.
    .macro td_nine_both p, even, odd
    vmov r12, \even
    vmov lr, \odd
    smlad r10, \p, r12, r10
    smlad r11, \p, lr, r11
    .endm

    .macro td_nine_two a, b, c, d, next, pending, signed
    td_nine_pair \next, \pending
    vmov r11, s0
    vmov r12, s8
    smlad r10, \a, r12, r10
    smlatb r11, \a, r12, r11
    td_nine_both \b, s9, s12
    td_nine_both \c, s10, s13
    td_nine_both \d, s11, s14
    vmov r12, s15
    smlabt r10, \next, r12, r10
    smlad r11, \next, r12, r11
    vmov lr, s1
    td_short_scale r10, lr, r12, \signed
    strb r10, [r2]
    td_short_scale r11, lr, r12, \signed
    .endm

    .macro td_nine_tap p, weights
    vmov r12, \weights
    smlad r10, \p, r12, r10
    .endm

    // An output, of which \next is the last tap.
    .macro td_nine_sum a, b, c, d, next, signed
    td_nine_tap \a, s8
    td_nine_tap \b, s9
    td_nine_tap \c, s10
    td_nine_tap \d, s11
    vmov r12, s15
    smlabt r10, \next, r12, r10
    vmov r11, s1
    td_short_scale r10, r11, r12, \signed
    td_short_store r10
    .endm

    .macro td_nine_stride2 a, b, c, d, next, signed
    td_nine_pair \next
    td_nine_sum \a, \b, \c, \d, \next, \signed
    .endm

    .macro td_nine_join to, from
    lsr \to, \to, #16
    pkhbt \to, \to, \from, lsl #16
    .endm

    .macro td_nine_shift
    td_nine_join r5, r6
    td_nine_join r6, r7
    td_nine_join r7, r8
    td_nine_join r8, lr
    .endm

    .macro td_nine_element
    vmov r12, s4
    td_short_element lr, r12
    vmov s4, r12
    .endm

    .macro td_short_nine name, stride, signed
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
    ldm r12!, {r3, r4}
    vldm r12!, {s8-s15}
    vldm r12!, {s0, s1}
    vmov s7, r12
    vmov r5, s5
    mov r6, r5
    mov r7, r5
    mov r8, r5
    cmp r11, #0
    beq 3f
2:
    ldrsb lr, [r0]
    add r0, r0, r1
    td_nine_shift
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
    td_nine_two r5, r6, r7, r8, r9, , \signed
    td_nine_two r6, r7, r8, r9, r5, r11, \signed
    td_short_store_second r11
    .else
    td_nine_stride2 r5, r6, r7, r8, r9, \signed
    td_nine_stride2 r6, r7, r8, r9, r5, \signed
    .endif
    mov r12, r5
    mov r5, r7
    mov r6, r8
    mov r7, r9
    mov r8, r12
    vmov r12, s2
    cmp r0, r12
    bne 4b
5:
    vmov r9, s3
    cmp r9, #0
    beq 7f
6:
    td_nine_element
    vmov r10, s0
    td_nine_sum r5, r6, r7, r8, lr, \signed
    td_nine_shift
    .if \stride == 2
    td_nine_element
    td_nine_shift
    .endif
    subs r9, r9, #1
    bne 6b
7:
    td_short_leave 1b
    .size \name, . - \name
    .endm

    td_short_nine td_short_nine_positive, 1, 0
    td_short_nine td_short_nine_signed, 1, 1
    td_short_nine td_short_nine_stride2_positive, 2, 0
    td_short_nine td_short_nine_stride2_signed, 2, 1
    .text
)");

#endif  // __ARM_FEATURE_DSP
