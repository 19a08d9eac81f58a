package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/godwit-run/godwit/internal/api"
)

func TestReadPayload(t *testing.T) {
	file := filepath.Join(t.TempDir(), "payload")
	if err := os.WriteFile(file, []byte("from\x00a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for arg, want := range map[string]string{
		"inc": "inc", "": "", "--": "--", "a@b": "a@b", "-5": "-5", "@" + file: "from\x00a file\n",
	} {
		if got, err := readPayload(arg); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", arg, got, err)
		}
	}
	for _, arg := range []string{"@" + file + ".none", "@" + filepath.Dir(file), "@"} {
		if got, err := readPayload(arg); err == nil {
			t.Errorf("%q: %q", arg, got)
		}
	}
}

func TestMessageExitCodes(t *testing.T) {
	for reason, want := range map[string]int{
		"trap: unreachable": exitTrap, "out_of_memory": exitTrap, "exit: 5": exitTrap, "out_of_fuel": exitOutOfFuel,
		"only 3 there": exitRefused, "": exitRefused,
	} {
		if got := exitCode(messageEnding("counter", &api.MessageError{Reason: reason})); got != want {
			t.Errorf("%q: %d, want %d", reason, got, want)
		}
	}
}
