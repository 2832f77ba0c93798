package vm

import (
	"context"
	"errors"
	"fmt"
)

// PowerButton presses the power button: what follows is for the guest to do.
func (v *VM) PowerButton(ctx context.Context) error {
	if err := v.execute(ctx, "system_powerdown", nil, nil); err != nil {
		return fmt.Errorf("pressing the power button: %w", err)
	}
	return nil
}

// Reset presses the reset button of a machine that may restart.
func (v *VM) Reset(ctx context.Context) error {
	if !v.restartable {
		return errors.New("pressing the reset button: the machine was started as one that stops when it restarts")
	}
	if err := v.execute(ctx, "system_reset", nil, nil); err != nil {
		return fmt.Errorf("pressing the reset button: %w", err)
	}
	return nil
}
