// Checks what a Go program expects of its file system. Prints each check that
// fails and exits with 1 if any did.
package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

var failed bool

func check(what string, ok bool, err error) {
	if !ok {
		failed = true
		fmt.Println(what, err)
	}
}

func main() {
	check("arguments", len(os.Args) == 2 && os.Args[1] == "an argument", nil)
	check("environment", os.Getenv("NAME") == "value", nil)
	inputs()
	files()
	trees()
	clock()
	in, err := io.ReadAll(os.Stdin)
	check("stdin", string(in) == "in", err)
	if failed {
		os.Exit(1)
	}
}

func inputs() {
	b, err := os.ReadFile("/in/a.txt")
	check("input", string(b) == "content of a\n", err)
	_, err = os.ReadFile("/in/missing")
	check("missing input", errors.Is(err, fs.ErrNotExist), err)
	check("write to an input", os.WriteFile("/in/a.txt", nil, 0o644) != nil, nil)
	check("remove an input", os.RemoveAll("/in/a.txt") != nil, nil)
}

func files() {
	wd, err := os.Getwd()
	check("working directory", wd == "/", err)
	f, err := os.OpenFile("/out/f", os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
	check("create", err == nil, err)
	_, err = f.WriteString("hello, world")
	check("write", err == nil, err)
	b := make([]byte, 5)
	n, err := f.ReadAt(b, 7)
	check("read at", n == 5 && string(b) == "world", err)
	err = f.Truncate(5)
	check("truncate", err == nil, err)
	check("close", f.Close() == nil, nil)
	b, err = os.ReadFile("out/f")
	check("relative path", string(b) == "hello", err)
	_, err = os.OpenFile("/out/f", os.O_CREATE|os.O_EXCL, 0o644)
	check("exclusive", errors.Is(err, fs.ErrExist), err)
	err = os.Chtimes("/out/f", time.Unix(1000, 1), time.Unix(2000, 2))
	check("chtimes", err == nil, err)
	info, err := os.Stat("/out/f")
	check("stat", err == nil && info.ModTime().Equal(time.Unix(2000, 2)), err)
}

func trees() {
	err := os.MkdirAll("/tmp/a/b/c", 0o755)
	check("mkdirall", err == nil, err)
	for i := range 300 {
		err = os.WriteFile(fmt.Sprintf("/tmp/a/%d", i), nil, 0o644)
		check("write file", err == nil, err)
	}
	list, err := os.ReadDir("/tmp/a")
	check("readdir", len(list) == 301, err)
	err = os.Rename("/tmp/a/b", "/out/b")
	check("rename", err == nil, err)
	check("rename into itself", os.Rename("/out/b", "/out/b/c/d") != nil, nil)
	err = os.Symlink("/out/f", "/tmp/a/s")
	check("symlink", err == nil, err)
	b, err := os.ReadFile("/tmp/a/s")
	check("absolute symlink", string(b) == "hello", err)
	real, err := filepath.EvalSymlinks("/tmp/a/s")
	check("evalsymlinks", real == "/out/f", err)
	err = os.Link("/out/f", "/tmp/a/l")
	check("link", err == nil, err)
	err = os.RemoveAll("/tmp/a")
	check("removeall", err == nil, err)
	root, err := os.OpenRoot("/out")
	check("openroot", err == nil, err)
	err = root.WriteFile("b/inside", []byte("x"), 0o644)
	check("write in root", err == nil, err)
	_, err = root.Open("../in")
	check("leave root", err != nil, nil)
}

func clock() {
	start := time.Now()
	time.Sleep(2 * time.Millisecond)
	check("sleep", time.Since(start) >= 2*time.Millisecond, nil)
	check("time of day", start.Unix() > 1500000000, nil)
}
