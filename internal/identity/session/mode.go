package session

// Mode says what removing the card, and locking the screen, do to a session.
type Mode string

// The modes, as the Windows agent has them.
const (
	Normal     Mode = "normal"     // removal ends the session
	Enhanced   Mode = "enhanced"   // the same, and after the screen was locked the passcode is asked for again
	Persistent Mode = "persistent" // removal locks the session; the same card and its passcode resume it
	Mobility   Mode = "mobility"   // the card may be taken away; timers ask for it again
)

// Effective is the mode that holds where several are set: mobility before persistent before enhanced before normal,
// the Windows agent's order.
func Effective(set ...Mode) Mode {
	rank := map[Mode]int{Enhanced: 1, Persistent: 2, Mobility: 3}
	best := Normal
	for _, m := range set {
		if rank[m] > rank[best] {
			best = m
		}
	}
	return best
}
