// Package imaging has the service decode the images that were deposited, and say
// what it found: so that what is known of an image's media data is not the word
// of the depositor's client alone. It reads the service's own copy, each block
// held to the depositor's block tree, at the pace and with the manners of the
// readings back in package fixity. A finding is an image.read; what couldn't be
// read from the store is none, and is tried again.
package imaging
