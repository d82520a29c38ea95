package faults

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/ory/dockertest/v3"
	"github.com/ory/dockertest/v3/docker"

	"github.com/evidence-custody/custodyd/integration/images"
)

// yard is where the containers stand: a network on which each has a fixed
// address, so that nobody is told a new one after a fault, and disks of
// limited size in memory.
type yard struct {
	pool    *dockertest.Pool
	network string
	subnet  string // the first three numbers of its addresses
	keeper  *docker.Container
}

// box is a container that meets with faults.
type box struct {
	y       *yard
	name    string
	id      string
	address string
	other   string // address that it can move to
	disk    string // where the keeper has its disk
}

// newYard makes the network, and disks that outlive their containers because
// the keeper, a container that nothing happens to, has them as well.
func newYard(t *testing.T, disks map[string]string) *yard {
	t.Helper()
	y := &yard{pool: images.Docker(t)}
	y.pool.MaxWait = time.Minute
	y.network = fmt.Sprintf("custody-faults-%08x", rand.Uint32())
	var network *docker.Network
	var err error
	for range 20 { // the machine may have such a network already
		y.subnet = fmt.Sprintf("10.%d.%d", 100+rand.IntN(150), rand.IntN(256))
		network, err = y.pool.Client.CreateNetwork(docker.CreateNetworkOptions{Name: y.network, Driver: "bridge",
			IPAM: &docker.IPAMOptions{Driver: "default", Config: []docker.IPAMConfig{{Subnet: y.subnet + ".0/24"}}}})
		if err == nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := y.pool.Client.RemoveNetwork(network.ID); err != nil {
			t.Error(err)
		}
	})
	var binds []string
	for name, size := range disks {
		if _, err := y.pool.Client.CreateVolume(docker.CreateVolumeOptions{Name: y.volume(name), Driver: "local",
			DriverOpts: map[string]string{"type": "tmpfs", "device": "tmpfs", "o": "size=" + size}}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := y.pool.Client.RemoveVolume(y.volume(name)); err != nil {
				t.Error(err)
			}
		})
		binds = append(binds, y.volume(name)+":/disks/"+name)
	}
	y.keeper = y.run(t, &docker.Config{Image: images.Postgres(t), Cmd: []string{"sleep", "infinity"}}, binds, "")
	return y
}

func (y *yard) volume(disk string) string { return y.network + "-" + disk }

// run starts a container and removes it at the end of the test.
func (y *yard) run(t *testing.T, config *docker.Config, binds []string, address string) *docker.Container {
	t.Helper()
	o := docker.CreateContainerOptions{Config: config, HostConfig: &docker.HostConfig{Binds: binds}}
	if address != "" {
		o.HostConfig.NetworkMode = y.network
		o.NetworkingConfig = &docker.NetworkingConfig{EndpointsConfig: map[string]*docker.EndpointConfig{y.network: endpoint(address)}}
	}
	c, err := y.pool.Client.CreateContainer(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := y.pool.Client.RemoveContainer(docker.RemoveContainerOptions{ID: c.ID, Force: true, RemoveVolumes: true}); err != nil {
			t.Error(err)
		}
	})
	if err := y.pool.Client.StartContainer(c.ID, nil); err != nil {
		t.Fatal(err)
	}
	return c
}

func endpoint(address string) *docker.EndpointConfig {
	return &docker.EndpointConfig{IPAMConfig: &docker.EndpointIPAMConfig{IPv4Address: address}}
}

// box starts a container at the network's n-th address, its disk at mount.
func (y *yard) box(t *testing.T, name string, n int, mount string, config *docker.Config) *box {
	t.Helper()
	b := &box{y: y, name: name, address: fmt.Sprintf("%s.%d", y.subnet, n), other: fmt.Sprintf("%s.%d", y.subnet, n+100), disk: "/disks/" + name}
	b.id = y.run(t, config, []string{y.volume(name) + ":" + mount}, b.address).ID
	t.Cleanup(func() {
		if t.Failed() {
			var said strings.Builder
			_ = y.pool.Client.Logs(docker.LogsOptions{Container: b.id, OutputStream: &said, ErrorStream: &said, Stdout: true, Stderr: true, Tail: "40"})
			t.Logf("%s said last:\n%s", name, said.String())
		}
	})
	return b
}

// The faults. Each is one call; what ends it is another.

func (b *box) kill(t *testing.T) {
	t.Helper()
	b.must(t, b.y.pool.Client.KillContainer(docker.KillContainerOptions{ID: b.id, Signal: docker.SIGKILL}))
}

// start starts it where it isn't running: some faults end it, some don't.
func (b *box) start(t *testing.T) {
	t.Helper()
	err := b.y.pool.Client.StartContainer(b.id, nil)
	var running *docker.ContainerAlreadyRunning
	if !errors.As(err, &running) {
		b.must(t, err)
	}
}

func (b *box) pause(t *testing.T)   { t.Helper(); b.must(t, b.y.pool.Client.PauseContainer(b.id)) }
func (b *box) unpause(t *testing.T) { t.Helper(); b.must(t, b.y.pool.Client.UnpauseContainer(b.id)) }

func (b *box) restart(t *testing.T) {
	t.Helper()
	b.must(t, b.y.pool.Client.RestartContainer(b.id, 10))
}

func (b *box) cut(t *testing.T) {
	t.Helper()
	b.must(t, b.y.pool.Client.DisconnectNetwork(b.y.network, docker.NetworkConnectionOptions{Container: b.id, Force: true}))
}

func (b *box) join(t *testing.T) {
	t.Helper()
	b.must(t, b.y.pool.Client.ConnectNetwork(b.y.network, docker.NetworkConnectionOptions{Container: b.id, EndpointConfig: endpoint(b.address)}))
}

// move gives it another address, as a standby that takes over has one: what was
// connected to the old one never hears of it again.
func (b *box) move(t *testing.T) {
	t.Helper()
	b.address, b.other = b.other, b.address
	b.join(t)
}

// fill takes what is free on its disk, and goes on taking what is freed there.
func (b *box) fill(t *testing.T) {
	t.Helper()
	b.y.exec(t, "dd if=/dev/zero of="+b.disk+"/ballast bs=64k 2>/dev/null; sync; df -k "+b.disk)
}

func (b *box) empty(t *testing.T) { t.Helper(); b.y.exec(t, "rm -f "+b.disk+"/ballast*") }

// exec runs a line of shell in the keeper.
func (y *yard) exec(t *testing.T, line string) {
	t.Helper()
	e, err := y.pool.Client.CreateExec(docker.CreateExecOptions{Container: y.keeper.ID, Cmd: []string{"sh", "-c", line}, AttachStdout: true, AttachStderr: true})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := y.pool.Client.StartExec(e.ID, docker.StartExecOptions{OutputStream: &out, ErrorStream: io.Writer(&out)}); err != nil {
		t.Fatal(err)
	}
	done, err := y.pool.Client.InspectExec(e.ID)
	if err != nil || done.ExitCode != 0 {
		t.Fatalf("%s: exit code %d, %v: %s", line, done.ExitCode, err, out.String())
	}
	t.Logf("%s", strings.TrimSpace(out.String()))
}

func (b *box) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", b.name, err)
	}
}
