// Command control-plane is etcd and the Kubernetes control plane as one program.
//
// The first argument says which part to be; the rest are that part's own flags. Standard input is the lifeline: when it
// closes, the program ends, so nothing outlives the test or demo that started it, not even after a SIGKILL.
package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

func main() {
	if len(os.Args) < 2 {
		fail("usage: control-plane etcd|kube-apiserver|kube-controller-manager|kube-scheduler|sweep ARG...")
	}
	part := os.Args[1]
	os.Args = append([]string{part}, os.Args[2:]...)
	if part == "sweep" {
		sweep(os.Args[1:])
		return
	}
	go func() {
		waitForParent()
		os.Exit(0)
	}()
	run(part)
}

func run(part string) {
	switch part {
	case "etcd":
		etcdmain.Main(os.Args)
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(controllermanager.NewControllerManagerCommand()))
	case "kube-scheduler":
		os.Exit(cli.Run(scheduler.NewSchedulerCommand()))
	default:
		fail("control-plane: no part is called " + part)
	}
}

// waitForParent returns when the other end of standard input is closed.
func waitForParent() {
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// sweep removes directories once the parent is gone: a parent that was killed, or that kept its control plane in a
// static, never runs its own clean-up. The parts end at the same moment and may still be writing, hence the patience.
func sweep(directories []string) {
	waitForParent()
	for range 50 {
		left := false
		for _, directory := range directories {
			_ = os.RemoveAll(directory)
		}
		time.Sleep(100 * time.Millisecond)
		for _, directory := range directories {
			if _, err := os.Lstat(directory); err == nil {
				left = true
			}
		}
		if !left {
			return
		}
	}
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(2)
}
