package group

import (
	"errors"
	"fmt"

	"go.etcd.io/raft/v3"
)

// catch turns a panic of the raft library, which is how it says that its state makes
// no sense, into an error.
func catch(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: %v", ErrBroken, p)
	}
}

// brokenBy is the error if it is one that a group does not survive.
func brokenBy(err error) error {
	if errors.Is(err, ErrBroken) {
		return err
	}
	return nil
}

// quiet is a raft logger that says nothing: who leads is told by effects, and what is
// beyond repair by panics.
type quiet struct{}

var _ raft.Logger = quiet{}

func (quiet) Debug(...any)            {}
func (quiet) Debugf(string, ...any)   {}
func (quiet) Info(...any)             {}
func (quiet) Infof(string, ...any)    {}
func (quiet) Warning(...any)          {}
func (quiet) Warningf(string, ...any) {}
func (quiet) Error(...any)            {}
func (quiet) Errorf(string, ...any)   {}

func (quiet) Fatal(v ...any)                 { panic(fmt.Sprint(v...)) }
func (quiet) Fatalf(format string, v ...any) { panic(fmt.Sprintf(format, v...)) }
func (quiet) Panic(v ...any)                 { panic(fmt.Sprint(v...)) }
func (quiet) Panicf(format string, v ...any) { panic(fmt.Sprintf(format, v...)) }
