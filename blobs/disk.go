package blobs

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// diskSpace is how many bytes a folder's disk has in all, and has left for us.
func diskSpace(dir string) (total, free int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, fmt.Errorf("look at the disk of %s: %w", dir, err)
	}
	block := int64(st.Bsize)
	return int64(st.Blocks) * block, int64(st.Bavail) * block, nil
}

// minFree is Config.MinFree with its default.
func (c Config) minFree() (int64, error) {
	if c.MinFree > 0 {
		return c.MinFree, nil
	}
	total, _, err := diskSpace(c.Dir)
	return min(DefaultMinFree, total/20), err
}
