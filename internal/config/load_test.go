package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godwit-run/godwit/internal/units"
)

// The sections of the documents load unchanged, and every key of theirs arrives.
func TestDocumentsSections(t *testing.T) {
	c, warnings, err := Load("testdata/documents.toml", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.MaxConcurrentTasks = 100
	want.SelectionAlgorithm = "performance-aware"
	want.TaskTimeout = 300 * time.Second
	want.DiscoveryInterval = 60 * time.Second
	want.BindAddress = "0.0.0.0:8080"
	want.MaxRequestSize = 10_000_000
	want.MaxAttempts = 3
	want.BackoffBase = 2 * time.Second
	want.BackoffMax = 60 * time.Second
	want.RetryOnTimeout = true
	want.RetryOnWorkerFailure = true
	want.Strategy = "least-loaded"
	want.LoadMetric = "task-count"
	want.PreferLocalWorkers = true
	want.MaxNetworkLatency = 100 * time.Millisecond
	want.HealthCheckInterval = 30 * time.Second
	want.HealthCheckTimeout = 5 * time.Second
	want.MaxConsecutiveFailures = 3
	want.EnableRetries = true
	want.MaxRetries = 3
	want.RetryBackoff = "exponential"
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	// max_attempts = 3 and max_retries = 3 disagree: the smaller number counts.
	if c.Attempts() != 3 || len(warnings) != 1 || !strings.Contains(warnings[0], "disagree") {
		t.Errorf("%d attempts, warnings %q", c.Attempts(), warnings)
	}
}

func TestErrorsNameTheLine(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
		unknown          bool
	}{
		{"key", "[scheduler]\n# words\nmax_concurrent_task = 3\n", ":3: unknown key scheduler.max_concurrent_task (there are api, auction, checkpoints, discovery_interval", true},
		{"section", "\n[sheduler]\nx = 1\n", ":2: unknown key sheduler", true},
		{"deep section", "[scheduler.api]\nbind_address = \"127.0.0.1:1\"\n[scheduler.apis]\n", ":3: unknown key scheduler.apis", true},
		{"nested", "[scheduler.retry.more]\nx = 1\n", ":1: unknown key scheduler.retry.more", true},
		{"dotted", "log.level = \"info\"\nlog.colour = true\n", ":2: unknown key log.colour", true},
		{"inline", "log = { level = \"info\", colour = true }\n", ":1: unknown key log.colour", true},
		{"type", "[scheduler]\ntask_timeout = true\n", ":2: scheduler.task_timeout: want a time", false},
		{"size", "[scheduler.api]\n\nmax_request_size = \"lots\"\n", ":3: scheduler.api.max_request_size", false},
		{"list", "[node]\nlisten = \"/ip4/0.0.0.0\"\n", ":2: node.listen: want a list", false},
		{"weight", "[scheduler.weights.latency]\nbeauty = 1\n", ":1: scheduler.weights.latency: weight", false},
		{"number", "[scheduler.weights.latency]\nrtt = \"much\"\n", ":1: scheduler.weights.latency: want names with numbers", false},
		{"label", "[node.labels]\ndisk = 7\n", ":1: node.labels: want names", false},
		{"section as value", "scheduler = 7\n", ":1: unknown key scheduler", true},
		{"value", "[scheduler]\n\nselection_algorithm = \"magic\"\n", ":3: scheduler.selection_algorithm: \"magic\" is none of", false},
		{"negative", "[scheduler]\ndiscovery_interval = -1\n", ":2: scheduler.discovery_interval: cannot be negative", false},
		{"together", "[scheduler.retry]\nbackoff_base = 9\nbackoff_max = 3\n", ":3: scheduler.retry.backoff_max: 3s is less", false},
		{"syntax", "[scheduler\n", ":1: ", false},
		{"twice", "[log]\nlevel = \"info\"\nlevel = \"warn\"\n", ":3: ", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "godwit.toml")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, _, err := Load(file, nil)
			if err == nil || !strings.Contains(err.Error(), file+c.want) || errors.Is(err, ErrUnknownKey) != c.unknown {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	for key, values := range map[string][]string{
		"scheduler.selection_algorithm":                   {"best"},
		"scheduler.load_balancing.strategy":               {"best", "random "},
		"scheduler.retry.max_attempts":                    {"0", "-1", "many", "99999999999"},
		"scheduler.retry.backoff_max":                     {"1s"},
		"scheduler.task_timeout":                          {"-1", "-1s", "1e300", "9223372036854775807"},
		"scheduler.api.max_request_size":                  {"-1", "99999999999999999999"},
		"node.cpu":                                        {"-0.5", "NaN", "inf"},
		"node.mdns":                                       {"perhaps"},
		"node.labels":                                     {"ssd"},
		"node.data":                                       {""},
		"log.level":                                       {"loud", ""},
		"scheduler.auction.window":                        {"0", "501", "-1", "1us"},
		"node.cost":                                       {"-1", "1e10", "NaN"},
		"scheduler.trust.min_execute":                     {"1.1", "-1", "0"},
		"scheduler.trust.min_submit":                      {"2", "much"},
		"scheduler.weights.default":                       {"trust=-1", "trust=much", "beauty=1", "trust"},
		"scheduler.weights.latency":                       {"rtt=1e300"},
		"scheduler.weights.throughput":                    {"capacity=NaN"},
		"scheduler.fault_tolerance.health_check_interval": {"0.1", "9h"},
		"scheduler.checkpoints.keepers":                   {"0", "9"},
		"actors.replicas":                                 {"0", "8"},
		"actors.suspect_after":                            {"150ms"},
		"actors.replace_after":                            {"100ms"},
		"scheduler.nothing":                               {"1"},
		"scheduler.fault_tolerance.retry_backoff":         {"linear"},
		"scheduler.fault_tolerance.max_retries":           {"-1"},
		"scheduler.load_balancing.max_network_late":       {"1"},
	} {
		for _, v := range values {
			if _, _, err := Load("", nil, Override{key, v}); err == nil {
				t.Errorf("%s = %q was accepted", key, v)
			}
		}
	}
}

// Flags go over variables, and those over the file.
func TestLayers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "godwit.toml")
	text := "[node]\nregion = \"file\"\ncpu = 2\n[node.labels]\ndisk = \"ssd\"\n[log]\nlevel = \"info\"\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{
		"GODWIT_NODE_REGION=env", "GODWIT_LOG_LEVEL=debug", "GODWIT_TOKEN=t0ken", "GODWIT_NODE_BOOTSTRAP=a, b",
		"GODWIT_NODE_MEMORY=1Gi", "GODWIT_SCHEDULER_LOAD_BALANCING_MAX_NETWORK_LATENCY=250", "GODWIT_SCHEDULER_TASK_TIMEOUT=1.5",
		"GODWIT_API=http://elsewhere", "GODWIT_NODE_RUN=", "PATH=/bin",
	}
	c, warnings, err := Load(file, env, Override{"node.region", "flag"}, Override{"node.labels", "a=1,b=2"})
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	want := Default()
	want.Region, want.CPU, want.Labels = "flag", 2, map[string]string{"a": "1", "b": "2"}
	want.LogLevel, want.Token, want.Bootstrap = "debug", "t0ken", []string{"a", "b"}
	want.Memory, want.MaxNetworkLatency, want.TaskTimeout = 1<<30, 250*time.Millisecond, 1500*time.Millisecond
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	for variable, want := range map[string]string{
		"GODWIT_NODE_CPU=many":                    "GODWIT_NODE_CPU: want a number",
		"GODWIT_SCHEDULER_TASK_TIMOET=5":          "variable GODWIT_SCHEDULER_TASK_TIMOET: unknown key",
		"GODWIT_SCHEDULER_RETRY_MAX_ATTEMPTS=0":   "GODWIT_SCHEDULER_RETRY_MAX_ATTEMPTS: scheduler.retry.max_attempts: want at least 1",
		"GODWIT_SCHEDULER_SELECTION_ALGORITHM=it": "GODWIT_SCHEDULER_SELECTION_ALGORITHM: scheduler.selection_algorithm: \"it\" is none of",
	} {
		if _, _, err := Load("", []string{variable}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v", variable, err)
		}
	}
}

func TestAttempts(t *testing.T) {
	const attempts, retries, enable = "scheduler.retry.max_attempts", "scheduler.fault_tolerance.max_retries", "scheduler.fault_tolerance.enable_retries"
	for _, c := range []struct {
		set      []Override
		want     int
		warnings int
	}{
		{nil, 3, 0},
		{[]Override{{attempts, "5"}}, 5, 0},
		{[]Override{{retries, "5"}}, 6, 0},
		{[]Override{{attempts, "3"}, {retries, "2"}}, 3, 0},
		{[]Override{{attempts, "3"}, {retries, "3"}}, 3, 1},
		{[]Override{{attempts, "9"}, {retries, "1"}}, 2, 1},
		{[]Override{{attempts, "9"}, {retries, "1"}, {enable, "false"}}, 1, 0},
	} {
		got, warnings, err := Load("", nil, c.set...)
		if err != nil || got.Attempts() != c.want || len(warnings) != c.warnings {
			t.Errorf("%v: %d attempts, %q, %v", c.set, got.Attempts(), warnings, err)
		}
	}
}

func TestTokenFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const key = "scheduler.api.token_file"
	if c, _, err := Load("", nil, Override{key, file}); err != nil || c.Token != "secret" {
		t.Errorf("got %q, %v", c.Token, err)
	}
	if _, _, err := Load("", []string{"GODWIT_TOKEN=x"}, Override{key, file}); err == nil {
		t.Error("two tokens were accepted")
	}
	if _, _, err := Load("", nil, Override{key, file + "s"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// Every field has a key of its own, and a value that reads back through it.
func TestEveryFieldHasAKey(t *testing.T) {
	c := Default()
	fields := fieldsOf(&c)
	if keys := Keys(); len(slices.Compact(keys)) != len(fields) {
		t.Fatalf("%d keys for %d fields", len(keys), len(fields))
	}
	for _, f := range fields {
		if f.key == "" {
			t.Fatal("a field without a key")
		}
		var text string
		switch f.value.Interface().(type) {
		case bool:
			text = "true"
		case int, float64, units.Size:
			text = "7"
		case time.Duration:
			if text = "7"; f.unit == 0 {
				t.Errorf("%s has no unit", f.key)
			}
		case map[string]string:
			text = "k=v"
		case map[string]float64:
			text = "trust=7"
		default:
			text = "word"
		}
		before := f.value.Interface()
		if err := f.parse(text); err != nil || text != "true" && reflect.DeepEqual(f.value.Interface(), before) {
			t.Errorf("%s: %v", f.key, err)
		}
	}
}

// Whatever a file holds, it is read or refused with its name.
func FuzzText(f *testing.F) {
	text, err := os.ReadFile("testdata/documents.toml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("[node.labels]\nx = \"y\"\n[[scheduler]]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		l := loader{c: Default(), set: map[string]source{}, file: "f", doc: text}
		var at *LineError
		if err := l.text(); err != nil && !errors.As(err, &at) {
			t.Fatalf("%v", err)
		}
	})
}
