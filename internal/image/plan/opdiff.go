package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"nhos.org/nhos/internal/image/rootfs"
)

// ops compares what is done after the packages. Ops that are the same on both sides are put aside first; of the others
// those that are about the same thing are a change, the rest came or went.
func (c *comparison) ops(was, is []rootfs.Op) {
	// Each op of is that was has too, with its place there.
	places := map[string][]int{}
	for i, op := range keyed(was) {
		key := string(digest(op))
		places[key] = append(places[key], i)
	}
	same := map[int]bool{}
	var now []rootfs.Op
	last, moved := -1, ""
	dir := false // moved is a directory: the next thing that isn't says more
	for i, op := range keyed(is) {
		key := string(digest(op))
		if len(places[key]) == 0 {
			now = append(now, is[i])
			continue
		}
		at := places[key][0]
		places[key] = places[key][1:]
		same[at] = true
		if at < last && (moved == "" || dir) {
			moved, dir = title(is[i]), op.Kind == rootfs.Dir
		}
		last = max(last, at)
	}
	var before []rootfs.Op
	for i, op := range was {
		if !same[i] {
			before = append(before, op)
		}
	}
	c.settings(was, is, before, now)
	for i, op := range now {
		j := slices.IndexFunc(before, func(o rootfs.Op) bool { return about(o) == about(op) })
		if j < 0 {
			c.op(op, Added)
			continue
		}
		c.changed(before[j], now[i])
		before = slices.Delete(before, j, j+1)
	}
	for _, op := range before {
		c.op(op, Gone)
	}
	c.thin()
	if moved != "" {
		c.add(Reason{Kind: Order, Name: moved, Change: Changed})
	}
}

// thin takes away folders that come and go with what is in them.
func (c *comparison) thin() {
	if others := slices.DeleteFunc(slices.Clone(c.reasons), func(r Reason) bool { return r.folder }); len(others) > 0 {
		c.reasons = others
	}
}

// settings compares the settings that ops follow from. One that only one side knows counts where an op of nhos itself
// came or went with it: a respin that begins to set it. Scripts come and go for reasons of their own.
func (c *comparison) settings(was, is, before, now []rootfs.Op) {
	old, current := settingsOf(was), settingsOf(is)
	var a, b, begun, ended []rootfs.Cause
	for _, name := range slices.Sorted(maps.Keys(merged(old, current))) {
		o, there := old[name]
		n, here := current[name]
		switch {
		case there && here:
			a, b = append(a, o), append(b, n)
		case here && follows(now, name):
			begun = append(begun, n)
		case there && follows(before, name):
			ended = append(ended, o)
		}
	}
	c.causes(append(a, own(ended)...), append(b, own(begun)...))
}

// own are the values that a respin states itself, or all when it states none of them: an op that follows from several
// comes for the sake of those.
func own(causes []rootfs.Cause) []rootfs.Cause {
	stated := slices.DeleteFunc(slices.Clone(causes), func(v rootfs.Cause) bool { return !strings.HasPrefix(v.Origin, "respins/") })
	if len(stated) > 0 {
		return stated
	}
	return causes
}

func settingsOf(ops []rootfs.Op) map[string]rootfs.Cause {
	m := map[string]rootfs.Cause{}
	for _, op := range ops {
		for _, v := range op.From {
			if v.Name != "" {
				m[v.Name] = v
			}
		}
	}
	return m
}

func follows(ops []rootfs.Op, name string) bool {
	return slices.ContainsFunc(ops, func(op rootfs.Op) bool {
		return op.Kind != rootfs.Script && slices.ContainsFunc(op.From, func(v rootfs.Cause) bool { return v.Name == name })
	})
}

// explained says whether a setting that an op follows from is among the reasons already.
func (c *comparison) explained(op rootfs.Op) bool {
	return slices.ContainsFunc(c.reasons, func(r Reason) bool {
		return r.Kind == Setting && slices.ContainsFunc(op.From, func(v rootfs.Cause) bool { return v.Name == r.Name })
	})
}

// op tells of an op that only one side has.
func (c *comparison) op(op rootfs.Op, change Change) {
	switch file := fileOf(op); {
	case op.Kind == rootfs.Script:
		c.add(Reason{Kind: Script, Name: strings.TrimPrefix(op.Why, "script "), Change: change, Origin: file})
	case file != "":
		c.add(Reason{Kind: File, Name: op.Path, Change: change, Origin: file, folder: op.Kind == rootfs.Dir && !op.Force})
	case !c.explained(op):
		c.add(Reason{Kind: Step, Name: title(op), Change: change})
	}
}

// changed tells of an op that both sides have, about the same thing.
func (c *comparison) changed(was, is rootfs.Op) {
	file := fileOf(is)
	switch {
	case is.Kind == rootfs.Script && was.SHA256 != is.SHA256:
		c.add(Reason{Kind: Script, Name: strings.TrimPrefix(is.Why, "script "), Change: Changed, Origin: file})
		return
	case c.explained(is) || c.explained(was):
		return
	case file == "" || is.Kind == rootfs.Script:
		c.add(Reason{Kind: Step, Name: title(is), Change: Changed})
		return
	}
	r := Reason{Kind: File, Name: is.Path, Change: Changed, Origin: file}
	if was.SHA256 != is.SHA256 || was.Content != is.Content || was.Force != is.Force || fileOf(was) == "" {
		c.add(r)
	}
	for _, part := range []struct{ name, old, now string }{
		{"type", string(was.Kind), string(is.Kind)},
		{"mode", fmt.Sprintf("%04o", uint32(was.Mode)), fmt.Sprintf("%04o", uint32(is.Mode))},
		{"owner", was.Owner + ":" + was.Group, is.Owner + ":" + is.Group},
		{"target", was.Target, is.Target},
	} {
		if part.old != part.now {
			r.Part, r.Old, r.New, r.Origin = part.name, part.old, part.now, is.From[len(is.From)-1].Origin
			c.add(r)
		}
	}
}

// about is the thing that an op is about: ops about the same thing on both sides are one thing that changed.
func about(op rootfs.Op) string {
	switch {
	case op.Kind == rootfs.Script:
		return "script " + fileOf(op)
	case lays(op):
		return "path " + op.Path
	case len(op.Argv) > 0:
		return "command " + op.Argv[0]
	default:
		return string(op.Kind) + " " + op.Path
	}
}

// title is an op's name in a reason.
func title(op rootfs.Op) string {
	switch {
	case op.Kind == rootfs.Script:
		return op.Why
	case fileOf(op) != "":
		return "file " + op.Path
	}
	op.Why = ""
	return op.String()
}

// fileOf is the file of the definition that an op comes from, "" for one that nhos does of its own accord.
func fileOf(op rootfs.Op) string {
	for _, v := range op.From {
		if v.Name == "" {
			return v.Origin
		}
	}
	return ""
}
