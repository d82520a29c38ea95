//go:build !amd64

package sum

const paired = false

func pair(*state, *state, *byte, *byte, int) { panic("sum: not on this processor") }
