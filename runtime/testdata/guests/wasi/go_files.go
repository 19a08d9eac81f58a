// Guest go_files uses Go's os, path/filepath, bufio and time as a program does.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "go_files:", err)
		os.Exit(1)
	}
}

func run() error {
	for _, step := range []func() error{walk, files, missing, input, timers} {
		if err := step(); err != nil {
			return err
		}
	}
	fmt.Printf("args %q, COLOUR=%s\n", os.Args[1:], os.Getenv("COLOUR"))
	return nil
}

func walk() error {
	return filepath.WalkDir("/in", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			fmt.Println(path, info.Size())
		}
		return err
	})
}

func files() error {
	data, err := os.ReadFile("/in/a.txt")
	if err != nil {
		return err
	}
	if err := os.MkdirAll("/out/deep/er", 0o755); err != nil {
		return err
	}
	path := filepath.Join("/out/deep/er", "upper")
	if err := os.WriteFile(path, []byte(strings.ToUpper(string(data))), 0o644); err != nil {
		return err
	}
	if err := os.Rename(path, "/out/upper"); err != nil {
		return err
	}
	if err := os.RemoveAll("/out/deep"); err != nil {
		return err
	}
	f, err := os.OpenFile("/out/upper", os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString("appended\n"); err != nil {
		return err
	}
	at, err := f.Seek(-9, io.SeekEnd)
	fmt.Println("appended at", at)
	return err
}

func missing() error {
	_, err := os.Open("/out/none")
	fmt.Println("missing:", errors.Is(err, fs.ErrNotExist))
	return nil
}

func input() error {
	lines := 0
	scanner := bufio.NewScanner(os.Stdin)
	for scanner.Scan() {
		lines++
	}
	fmt.Println("lines on stdin:", lines)
	return scanner.Err()
}

// timers has a goroutine sleep while another ticks, so the scheduler has to poll.
func timers() error {
	start, slept := time.Now(), make(chan time.Duration)
	go func() {
		time.Sleep(30 * time.Millisecond)
		slept <- time.Since(start)
	}()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for ticks := 0; ; {
		select {
		case <-ticker.C:
			ticks++
		case d := <-slept:
			fmt.Println("slept long enough:", d >= 30*time.Millisecond, "and ticked:", ticks > 0)
			return nil
		}
	}
}
