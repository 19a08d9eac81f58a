package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// folderChecks tell where things are kept. Nothing is made there that stays.
func folderChecks() []check {
	return []check{cacheCheck(), checkpointsCheck()}
}

func cacheCheck() check {
	const name = "compiled modules"
	user, err := os.UserCacheDir()
	if err != nil {
		return check{Name: name, Detail: fmt.Sprintf("not kept: %v", err)}
	}
	dir := filepath.Join(user, "godwit")
	err = writable(dir)
	if info, statErr := os.Stat(dir); err == nil && statErr == nil && info.Mode().Perm()&0o022 != 0 {
		err = fmt.Errorf("%s: others can write to it, so it is not used", dir)
	}
	return tried(name, err, "%s", dir)
}

func checkpointsCheck() check {
	dir, err := storeFolder("").path()
	if err == nil {
		err = writable(dir)
	}
	return tried("checkpoints", err, "%s", dir)
}

// writable tries to make a file in dir, or where dir would be made.
func writable(dir string) error {
	at := nearest(dir)
	f, err := os.CreateTemp(at, ".godwit-doctor-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
