#include "textflag.h"

// The round constants of FIPS 180-4, 4.2.2.
DATA k<>+0x00(SB)/4, $0x428a2f98
DATA k<>+0x04(SB)/4, $0x71374491
DATA k<>+0x08(SB)/4, $0xb5c0fbcf
DATA k<>+0x0c(SB)/4, $0xe9b5dba5
DATA k<>+0x10(SB)/4, $0x3956c25b
DATA k<>+0x14(SB)/4, $0x59f111f1
DATA k<>+0x18(SB)/4, $0x923f82a4
DATA k<>+0x1c(SB)/4, $0xab1c5ed5
DATA k<>+0x20(SB)/4, $0xd807aa98
DATA k<>+0x24(SB)/4, $0x12835b01
DATA k<>+0x28(SB)/4, $0x243185be
DATA k<>+0x2c(SB)/4, $0x550c7dc3
DATA k<>+0x30(SB)/4, $0x72be5d74
DATA k<>+0x34(SB)/4, $0x80deb1fe
DATA k<>+0x38(SB)/4, $0x9bdc06a7
DATA k<>+0x3c(SB)/4, $0xc19bf174
DATA k<>+0x40(SB)/4, $0xe49b69c1
DATA k<>+0x44(SB)/4, $0xefbe4786
DATA k<>+0x48(SB)/4, $0x0fc19dc6
DATA k<>+0x4c(SB)/4, $0x240ca1cc
DATA k<>+0x50(SB)/4, $0x2de92c6f
DATA k<>+0x54(SB)/4, $0x4a7484aa
DATA k<>+0x58(SB)/4, $0x5cb0a9dc
DATA k<>+0x5c(SB)/4, $0x76f988da
DATA k<>+0x60(SB)/4, $0x983e5152
DATA k<>+0x64(SB)/4, $0xa831c66d
DATA k<>+0x68(SB)/4, $0xb00327c8
DATA k<>+0x6c(SB)/4, $0xbf597fc7
DATA k<>+0x70(SB)/4, $0xc6e00bf3
DATA k<>+0x74(SB)/4, $0xd5a79147
DATA k<>+0x78(SB)/4, $0x06ca6351
DATA k<>+0x7c(SB)/4, $0x14292967
DATA k<>+0x80(SB)/4, $0x27b70a85
DATA k<>+0x84(SB)/4, $0x2e1b2138
DATA k<>+0x88(SB)/4, $0x4d2c6dfc
DATA k<>+0x8c(SB)/4, $0x53380d13
DATA k<>+0x90(SB)/4, $0x650a7354
DATA k<>+0x94(SB)/4, $0x766a0abb
DATA k<>+0x98(SB)/4, $0x81c2c92e
DATA k<>+0x9c(SB)/4, $0x92722c85
DATA k<>+0xa0(SB)/4, $0xa2bfe8a1
DATA k<>+0xa4(SB)/4, $0xa81a664b
DATA k<>+0xa8(SB)/4, $0xc24b8b70
DATA k<>+0xac(SB)/4, $0xc76c51a3
DATA k<>+0xb0(SB)/4, $0xd192e819
DATA k<>+0xb4(SB)/4, $0xd6990624
DATA k<>+0xb8(SB)/4, $0xf40e3585
DATA k<>+0xbc(SB)/4, $0x106aa070
DATA k<>+0xc0(SB)/4, $0x19a4c116
DATA k<>+0xc4(SB)/4, $0x1e376c08
DATA k<>+0xc8(SB)/4, $0x2748774c
DATA k<>+0xcc(SB)/4, $0x34b0bcb5
DATA k<>+0xd0(SB)/4, $0x391c0cb3
DATA k<>+0xd4(SB)/4, $0x4ed8aa4a
DATA k<>+0xd8(SB)/4, $0x5b9cca4f
DATA k<>+0xdc(SB)/4, $0x682e6ff3
DATA k<>+0xe0(SB)/4, $0x748f82ee
DATA k<>+0xe4(SB)/4, $0x78a5636f
DATA k<>+0xe8(SB)/4, $0x84c87814
DATA k<>+0xec(SB)/4, $0x8cc70208
DATA k<>+0xf0(SB)/4, $0x90befffa
DATA k<>+0xf4(SB)/4, $0xa4506ceb
DATA k<>+0xf8(SB)/4, $0xbef9a3f7
DATA k<>+0xfc(SB)/4, $0xc67178f2
GLOBL k<>(SB), RODATA, $256

DATA flip<>+0x00(SB)/8, $0x0405060700010203
DATA flip<>+0x08(SB)/8, $0x0c0d0e0f08090a0b
GLOBL flip<>(SB), RODATA, $16

// Four rounds of one stream: its state in two registers, four words of its
// schedule, and where their constants are. X0 is what SHA256RNDS2 takes them by.
#define ROUNDS(abef, cdgh, w, at) \
	MOVOU at(R8), X0 \
	PADDD w, X0 \
	SHA256RNDS2 X0, abef, cdgh \
	PSHUFD $0x0e, X0, X0 \
	SHA256RNDS2 X0, cdgh, abef

// The four words of the schedule that follow a, b, c, d take the place of a.
#define SCHEDULE(a, b, c, d) \
	SHA256MSG1 b, a \
	MOVOA d, X13 \
	PALIGNR $4, c, X13 \
	PADDD X13, a \
	SHA256MSG2 d, a

// Four rounds of both streams, side by side: the one computes while the other
// waits for its last result.
#define BOTH(a1, b1, c1, d1, a2, b2, c2, d2, at) \
	ROUNDS(X1, X2, a1, at) \
	ROUNDS(X3, X4, a2, at) \
	SCHEDULE(a1, b1, c1, d1) \
	SCHEDULE(a2, b2, c2, d2)

#define LAST(a1, a2, at) \
	ROUNDS(X1, X2, a1, at) \
	ROUNDS(X3, X4, a2, at)

// func pair(x, y *state, p, q *byte, n int)
TEXT ·pair(SB), NOSPLIT, $64-40
	MOVQ x+0(FP), AX
	MOVQ y+8(FP), BX
	MOVQ p+16(FP), SI
	MOVQ q+24(FP), DI
	MOVQ n+32(FP), CX
	LEAQ k<>(SB), R8
	MOVOU flip<>(SB), X14
	MOVOU (AX), X1
	MOVOU 16(AX), X2
	MOVOU (BX), X3
	MOVOU 16(BX), X4
	TESTQ CX, CX
	JZ   done

loop:
	MOVOU X1, s-64(SP)
	MOVOU X2, s-48(SP)
	MOVOU X3, s-32(SP)
	MOVOU X4, s-16(SP)
	MOVOU (SI), X5
	MOVOU 16(SI), X6
	MOVOU 32(SI), X7
	MOVOU 48(SI), X8
	MOVOU (DI), X9
	MOVOU 16(DI), X10
	MOVOU 32(DI), X11
	MOVOU 48(DI), X12
	PSHUFB X14, X5
	PSHUFB X14, X6
	PSHUFB X14, X7
	PSHUFB X14, X8
	PSHUFB X14, X9
	PSHUFB X14, X10
	PSHUFB X14, X11
	PSHUFB X14, X12

	BOTH(X5, X6, X7, X8, X9, X10, X11, X12, 0)
	BOTH(X6, X7, X8, X5, X10, X11, X12, X9, 16)
	BOTH(X7, X8, X5, X6, X11, X12, X9, X10, 32)
	BOTH(X8, X5, X6, X7, X12, X9, X10, X11, 48)
	BOTH(X5, X6, X7, X8, X9, X10, X11, X12, 64)
	BOTH(X6, X7, X8, X5, X10, X11, X12, X9, 80)
	BOTH(X7, X8, X5, X6, X11, X12, X9, X10, 96)
	BOTH(X8, X5, X6, X7, X12, X9, X10, X11, 112)
	BOTH(X5, X6, X7, X8, X9, X10, X11, X12, 128)
	BOTH(X6, X7, X8, X5, X10, X11, X12, X9, 144)
	BOTH(X7, X8, X5, X6, X11, X12, X9, X10, 160)
	BOTH(X8, X5, X6, X7, X12, X9, X10, X11, 176)
	LAST(X5, X9, 192)
	LAST(X6, X10, 208)
	LAST(X7, X11, 224)
	LAST(X8, X12, 240)

	MOVOU s-64(SP), X13
	PADDD X13, X1
	MOVOU s-48(SP), X13
	PADDD X13, X2
	MOVOU s-32(SP), X13
	PADDD X13, X3
	MOVOU s-16(SP), X13
	PADDD X13, X4
	ADDQ $64, SI
	ADDQ $64, DI
	DECQ CX
	JNZ  loop

done:
	MOVOU X1, (AX)
	MOVOU X2, 16(AX)
	MOVOU X3, (BX)
	MOVOU X4, 16(BX)
	RET
