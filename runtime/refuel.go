package runtime

// Refuel sets the fuel limit to what has been used so far and units more, at most
// MaxFuel, and has output to the standard streams counted anew: so that each message to
// an instance has a budget of its own. It is called between calls, or by a host
// function.
func (i *Instance) Refuel(units uint64) {
	if i.tank.left == nil {
		return
	}
	i.limits.Fuel = min(MaxFuel, i.FuelUsed()+min(units, MaxFuel))
	i.tank.bound(int64(i.limits.Fuel))
	if i.system != nil {
		i.system.RenewOutput()
	}
}

// bound sets the limit, and takes back what was granted beyond it.
func (t *fuelTank) bound(limit int64) {
	used := t.used()
	t.limit = limit
	t.granted = max(used, min(t.granted, limit))
	t.left.Set(uint64(t.granted - used))
}
