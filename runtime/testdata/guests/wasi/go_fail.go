// Guest go_fail ends as Go programs end badly: its argument says how.
package main

import (
	"fmt"
	"os"
	"runtime/debug"
)

type node struct{ next *node }

func descend(n int) int {
	var pad [64]int
	pad[n%64] = n
	return descend(n+1) + pad[n%64]
}

func main() {
	how := ""
	if len(os.Args) > 1 {
		how = os.Args[1]
	}
	fmt.Println("before")
	switch how {
	case "exit":
		os.Exit(42)
	case "nil":
		fmt.Println((*node)(nil).next)
	case "index":
		fmt.Println(os.Args[len(os.Args)])
	case "deadlock":
		<-make(chan int)
	case "stack":
		debug.SetMaxStack(1 << 20)
		fmt.Println(descend(0))
	case "recover":
		defer func() { fmt.Println("recovered:", recover()) }()
		var m map[string]int
		m["x"] = 1
	default:
		panic("nothing to do")
	}
}
