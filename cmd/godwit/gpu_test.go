package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestGPUScripts are the stories of `godwit run --gpu`. GODWIT_GPU is the driver program,
// unless they say otherwise.
func TestGPUScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles kernels for seconds")
	}
	gpu := newGPUProgram(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/gpu",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Condition:           gpu.condition,
		Setup: func(env *testscript.Env) error {
			env.Setenv("DRIVER", gpu.path)
			env.Setenv("GODWIT_GPU", gpu.path)
			return setup(env)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}
