package vm

import (
	"context"
	"fmt"
	"math"
	"time"
)

// fullScale is how far QEMU's absolute axes reach.
const fullScale = 0x7fff

// clickPause is between what a finger does: short enough that two clicks are a double click, long enough that a guest
// sees each.
const clickPause = 60 * time.Millisecond

// An inputEvent is one thing that happens to a key, a button or an axis (InputEvent in QEMU's protocol).
type inputEvent struct {
	Type string         `json:"type"`
	Data map[string]any `json:"data"`
}

func (v *VM) input(ctx context.Context, events ...inputEvent) error {
	return v.execute(ctx, "input-send-event", map[string]any{"events": events}, nil)
}

// Move moves the pointer to a place on the screen, in parts of its width and height: 0, 0 is at the top left and 1, 1
// at the bottom right. The machine needs [Config.HotPlug] or a tablet.
func (v *VM) Move(ctx context.Context, x, y float64) error {
	if !(x >= 0 && x <= 1 && y >= 0 && y <= 1) {
		return fmt.Errorf("moving the pointer: %g, %g isn't on the screen (0 to 1)", x, y)
	}
	axis := func(name string, part float64) inputEvent {
		return inputEvent{"abs", map[string]any{"axis": name, "value": int(math.Round(part * fullScale))}}
	}
	if err := v.input(ctx, axis("x", x), axis("y", y)); err != nil {
		return fmt.Errorf("moving the pointer: %w", err)
	}
	return nil
}

// Click presses a button of the pointer and lets it go, times times: left, middle, right; wheel-up and wheel-down
// scroll.
func (v *VM) Click(ctx context.Context, button string, times int) error {
	for range times {
		for _, down := range []bool{true, false} {
			if err := v.input(ctx, inputEvent{"btn", map[string]any{"button": button, "down": down}}); err != nil {
				return fmt.Errorf("clicking: %w", err)
			}
			if !sleep(ctx, clickPause) {
				return ctx.Err()
			}
		}
	}
	return nil
}
