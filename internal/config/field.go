package config

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/godwit-run/godwit/internal/units"
)

// field is a setting: its key, and where its value goes.
type field struct {
	key, env string
	unit     time.Duration // what a bare number counts, for times
	enum     []string
	value    reflect.Value
}

// fieldsOf reads the tags of a Config.
func fieldsOf(c *Config) []field {
	v := reflect.ValueOf(c).Elem()
	var list []field
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		f := field{key: tag.Get("key"), env: tag.Get("env"), value: v.Field(i)}
		if unit := tag.Get("unit"); unit != "" {
			f.unit, _ = time.ParseDuration(unit) // a constant: the tests read every key
		}
		if enum := tag.Get("enum"); enum != "" {
			f.enum = strings.Split(enum, ",")
		}
		if f.env == "" {
			f.env = Variable(f.key)
		}
		list = append(list, f)
	}
	return list
}

// set takes a value as TOML has it: string, int64, float64, bool, list or table.
func (f field) set(v any) error {
	switch target := f.value.Addr().Interface().(type) {
	case *string:
		return assign(target, v, "a string")
	case *bool:
		return assign(target, v, "true or false")
	case *int:
		n, ok := v.(int64)
		if !ok || n < math.MinInt32 || n > math.MaxInt32 {
			return fmt.Errorf("want a whole number")
		}
		*target = int(n)
	case *float64:
		return setFloat(target, v)
	case *time.Duration:
		return f.setTime(target, v)
	case *units.Size:
		return setSize(target, v)
	case *[]string:
		return setList(target, v)
	case *map[string]string:
		return setTable(target, v)
	case *map[string]float64:
		return setNumbers(target, v)
	default:
		return fmt.Errorf("no way to read a %T", target)
	}
	return nil
}

func assign[T any](target *T, v any, want string) error {
	value, ok := v.(T)
	if !ok {
		return fmt.Errorf("want %s", want)
	}
	*target = value
	return nil
}

func setFloat(target *float64, v any) error {
	if n, ok := v.(int64); ok {
		v = float64(n)
	}
	if x, ok := v.(float64); ok && (math.IsNaN(x) || math.IsInf(x, 0)) {
		return fmt.Errorf("want a number")
	}
	return assign(target, v, "a number")
}

func (f field) setTime(target *time.Duration, v any) error {
	want := fmt.Errorf("want a time such as %q, or a number of %s", "30s", map[time.Duration]string{
		time.Second: "seconds", time.Millisecond: "milliseconds"}[f.unit])
	switch v := v.(type) {
	case int64:
		if v > math.MaxInt64/int64(f.unit) || v < math.MinInt64/int64(f.unit) {
			return want
		}
		*target = time.Duration(v) * f.unit
	case float64:
		if !(math.Abs(v) < math.MaxInt64/float64(f.unit)) {
			return want
		}
		*target = time.Duration(v * float64(f.unit))
	case string:
		d, err := time.ParseDuration(v)
		if err != nil {
			return want
		}
		*target = d
	default:
		return want
	}
	return nil
}

func setSize(target *units.Size, v any) error {
	switch v := v.(type) {
	case int64:
		if v < 0 {
			return fmt.Errorf("want a size that is not negative")
		}
		*target = units.Size(v)
		return nil
	case string:
		return target.Set(v)
	}
	return fmt.Errorf("want a size such as %q, or a number of bytes", "10MB")
}

func setList(target *[]string, v any) error {
	items, ok := v.([]any)
	list := make([]string, len(items))
	for i := range items {
		if list[i], ok = items[i].(string); !ok {
			break
		}
	}
	if !ok {
		return fmt.Errorf("want a list of strings")
	}
	*target = list
	return nil
}

func setTable(target *map[string]string, v any) error {
	items, ok := v.(map[string]any)
	table := make(map[string]string, len(items))
	for k, item := range items {
		text, isText := item.(string)
		ok = ok && isText
		table[k] = text
	}
	if !ok {
		return fmt.Errorf("want names with strings, such as disk = %q", "ssd")
	}
	*target = table
	return nil
}

func setNumbers(target *map[string]float64, v any) error {
	items, ok := v.(map[string]any)
	table := make(map[string]float64, len(items))
	for k, item := range items {
		var x float64
		ok = ok && setFloat(&x, item) == nil
		table[k] = x
	}
	if !ok {
		return fmt.Errorf("want names with numbers, such as trust = 0.5")
	}
	*target = table
	return nil
}

// parse takes a value as a flag or variable has it: lists and tables are
// separated by commas.
func (f field) parse(text string) error {
	switch f.value.Interface().(type) {
	case bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("want true or false")
		}
		return f.set(b)
	case int, float64, time.Duration:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return f.set(n)
		}
		if x, err := strconv.ParseFloat(text, 64); err == nil {
			return f.set(x)
		}
	case []string:
		list := []any{}
		for item := range strings.SplitSeq(text, ",") {
			if item = strings.TrimSpace(item); item != "" {
				list = append(list, item)
			}
		}
		return f.set(list)
	case map[string]string, map[string]float64:
		return f.parseTable(text)
	}
	return f.set(text)
}

func (f field) parseTable(text string) error {
	_, numbers := f.value.Interface().(map[string]float64)
	table := map[string]any{}
	for item := range strings.SplitSeq(text, ",") {
		k, v, ok := strings.Cut(item, "=")
		if !ok && item != "" {
			return fmt.Errorf("want K=V, separated by commas")
		}
		k, v = strings.TrimSpace(k), strings.TrimSpace(v)
		x, err := strconv.ParseFloat(v, 64)
		switch {
		case ok && numbers && err == nil:
			table[k] = x
		case ok:
			table[k] = v
		}
	}
	return f.set(table)
}

// validate checks what the type and tags say of a value.
func (f field) validate() error {
	switch v := f.value.Interface().(type) {
	case int:
		return notNegative(float64(v))
	case float64:
		return notNegative(v)
	case time.Duration:
		return notNegative(float64(v))
	case units.Size:
		if v > math.MaxInt64 {
			return fmt.Errorf("%s is too large", v)
		}
	case string:
		if f.enum != nil && !slices.Contains(f.enum, v) {
			return fmt.Errorf("%q is none of %s", v, strings.TrimPrefix(strings.Join(f.enum, ", "), ", "))
		}
	}
	return nil
}

func notNegative(v float64) error {
	if v < 0 {
		return fmt.Errorf("cannot be negative")
	}
	return nil
}
