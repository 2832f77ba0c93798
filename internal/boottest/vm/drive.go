package vm

import (
	"context"
	"errors"
	"fmt"
)

// ChangeMedium takes the medium out of an optical drive, whether or not the guest has locked it, and puts another in;
// "" leaves the drive empty. The drive that holds the machine's medium is called "medium".
func (v *VM) ChangeMedium(ctx context.Context, id, file string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.changeMedium(ctx, id, file); err != nil {
		return fmt.Errorf("changing the medium in %s: %w", id, err)
	}
	return nil
}

func (v *VM) changeMedium(ctx context.Context, id, file string) error {
	if !v.hotPlug {
		return errors.New("the machine was started with drives that stay closed")
	}
	node, err := v.mediumIn(ctx, id)
	if err != nil {
		return err
	}
	drive := map[string]any{"id": id}
	if err := v.execute(ctx, "blockdev-open-tray", map[string]any{"id": id, "force": true}, nil); err != nil {
		return err
	}
	if node != "" {
		if err := v.execute(ctx, "blockdev-remove-medium", drive, nil); err != nil {
			return err
		}
		if err := v.execute(ctx, "blockdev-del", map[string]any{"node-name": node}, nil); err != nil {
			return err
		}
	}
	if file != "" {
		v.media++
		node = fmt.Sprintf("nhos-medium-%d", v.media)
		if err := v.addBlock(ctx, node, Device{File: file}); err != nil {
			return err
		}
		err := v.execute(ctx, "blockdev-insert-medium", map[string]any{"id": id, "node-name": node}, nil)
		if err != nil {
			v.undo(ctx, &err, "blockdev-del", "node-name", node)
			return err
		}
	}
	return v.execute(ctx, "blockdev-close-tray", drive, nil)
}

// mediumIn returns the node of what lies in a drive, "" if it is empty.
func (v *VM) mediumIn(ctx context.Context, id string) (string, error) {
	var devices []struct {
		Device   string `json:"qdev"`
		Inserted *struct {
			Node string `json:"node-name"`
		} `json:"inserted"`
	}
	if err := v.execute(ctx, "query-block", nil, &devices); err != nil {
		return "", err
	}
	for _, d := range devices {
		switch {
		case d.Device != id:
		case d.Inserted == nil:
			return "", nil
		default:
			return d.Inserted.Node, nil
		}
	}
	return "", errors.New("the machine has no such drive")
}
