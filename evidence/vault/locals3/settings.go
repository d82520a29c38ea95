package locals3

import (
	"context"
	"os"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sys/unix"
)

// What is set on a bucket or an existing object is rare, small, and in
// attributes of files whose place depends on versions: the whole file system
// is synced, and a lock that was acknowledged outlasts a power cut.
func (g *guard) syncAll(err error) error {
	if err != nil {
		return answer(err)
	}
	d, err := os.Open(g.attrs.dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return answer(unix.Syncfs(int(d.Fd())))
}

func (g *guard) CreateBucket(ctx context.Context, in *s3.CreateBucketInput, acl []byte) error {
	return g.syncAll(g.Posix.CreateBucket(ctx, in, acl))
}

func (g *guard) PutBucketVersioning(ctx context.Context, bucket string, status types.BucketVersioningStatus) error {
	return g.syncAll(g.Posix.PutBucketVersioning(ctx, bucket, status))
}

func (g *guard) PutObjectLockConfiguration(ctx context.Context, bucket string, config []byte) error {
	return g.syncAll(g.Posix.PutObjectLockConfiguration(ctx, bucket, config))
}

func (g *guard) PutObjectRetention(ctx context.Context, bucket, object, version string, retention []byte) error {
	return g.syncAll(g.Posix.PutObjectRetention(ctx, bucket, object, version, retention))
}

func (g *guard) PutObjectLegalHold(ctx context.Context, bucket, object, version string, on bool) error {
	return g.syncAll(g.Posix.PutObjectLegalHold(ctx, bucket, object, version, on))
}
