package serve

func confine() (string, error) { return "", nil }

func dieOfFaults() {}
