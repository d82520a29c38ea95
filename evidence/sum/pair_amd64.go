package sum

import "github.com/klauspost/cpuid/v2"

// paired says that this processor can compute two streams at once.
var paired = cpuid.CPU.Supports(cpuid.SHA, cpuid.SSE4, cpuid.SSSE3)

// pair takes n blocks of 64 bytes at p into x, and as many at q into y.
//
//go:noescape
func pair(x, y *state, p, q *byte, n int)
