// Package locals3 is the S3 server of an installation that has none: the
// versitygw gateway over a directory, for one machine.
//
// It runs in a child process, on a unix socket and under an account of its
// own, so that no other process, the service that started it included, needs
// the right to unlink evidence. Start is for the parent; Child is what the
// hidden subcommand runs.
//
// The gateway is wrapped, since as of v1.8.0 it
//   - lets a legal hold lapse with the retention (see guard.GetObjectRetention),
//   - answers a second Complete with success while the first still copies, and
//     for ever if it was killed meanwhile (guard.CompleteMultipartUpload, repair),
//   - may publish an object without its last bytes if the disk fills up while
//     the parts are put together (assembly),
//   - publishes a part that was cut short if it came without a checksum
//     (guard.UploadPart),
//   - never syncs (durable.go),
//   - stores an object's list of parts in one extended attribute, for which
//     ext4 has no room beyond some hundred parts (attributes.StoreAttribute),
//   - doesn't show the lock of a version that isn't the newest (guard.HeadObject),
//   - accepts encryption headers and ignores them (strict).
//
// Beside its own way of uploading there is another, in which nothing is copied:
// an upload whose creation says how large object and parts are (custody-size and
// custody-part-size, as the vault does) has one file with room for all of it, and
// each part is written where it belongs (plan.go, register.go, put.go). What
// completes it gives that file the object's name (finish.go). Such an object
// never replaces another: where the key is taken meanwhile, Complete is refused.
package locals3
