package edit

import (
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// The parser knows where a value begins. Where it ends is found here, by YAML's rules for each way of writing one.

// offset is where a token is. Lines and columns count from 1, columns in characters.
func (x *text) offset(t *token.Token) int {
	if t == nil || t.Position == nil || t.Position.Line < 1 || t.Position.Line > len(x.lines) {
		return -1
	}
	at := x.lines[t.Position.Line-1]
	for range t.Position.Column - 1 {
		if at >= len(x.s) {
			return -1
		}
		_, size := utf8.DecodeRuneInString(x.s[at:])
		at += size
	}
	return at
}

// An entry is a key and its value in the text.
type entry struct {
	node       *ast.MappingValueNode
	key, colon int  // offsets
	indent     int  // of the key, in blanks; in brackets, of the line
	flow       bool // in braces
	start, end int  // of the value; equal where there is none
}

// entry finds a key and its value, which are in braces or on a line of their own. It is ok if the text there is what the
// parser said.
func (x *text) entry(n *ast.MappingValueNode, flow bool) (e entry, ok bool) {
	e = entry{node: n, flow: flow, key: x.offset(n.Key.GetToken()), colon: x.offset(n.Start)}
	if e.key < 0 || e.colon <= e.key || e.colon >= len(x.s) || x.s[e.colon] != ':' {
		return e, false
	}
	if name := strings.Trim(strings.TrimSpace(x.s[e.key:e.colon]), `"'`); name != n.Key.GetToken().Value {
		return e, false
	}
	e.indent = x.indentation(e.key)
	if !flow && x.lineStart(e.key)+e.indent != e.key {
		return e, false
	}
	if e.empty() {
		e.start, e.end = e.colon+1, e.colon+1
		return e, true
	}
	e.start = x.start(n.Value)
	e.end = x.end(n.Value, e.indent, flow)
	return e, e.start > e.colon && e.end > e.start
}

// empty says that there is nothing after the colon.
func (e entry) empty() bool {
	n, null := e.node.Value.(*ast.NullNode)
	if e.node.Value == nil {
		return true
	}
	return null && (n.GetToken() == nil || strings.TrimSpace(n.GetToken().Origin) == "" || n.GetToken().Type == token.ImplicitNullType)
}

// start is where a value begins; of one on several lines, its first key or dash.
func (x *text) start(n ast.Node) int {
	switch m := n.(type) {
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			return x.offset(m.Values[0].Key.GetToken())
		}
	case *ast.SequenceNode:
		return x.offset(m.Start)
	}
	return x.offset(n.GetToken())
}

// end is where a value ends. indent is that of the key or the dash before it, flow says that it is in brackets.
func (x *text) end(n ast.Node, indent int, flow bool) int {
	from := x.start(n)
	if from < 0 || from >= len(x.s) {
		return -1
	}
	switch m := n.(type) {
	case *ast.LiteralNode:
		return x.blockEnd(from, indent)
	case *ast.MappingNode:
		if m.IsFlowStyle {
			return x.bracketEnd(from)
		}
		e, ok := x.entry(m.Values[len(m.Values)-1], false)
		if !ok {
			return -1
		}
		return e.end
	case *ast.SequenceNode:
		if m.IsFlowStyle {
			return x.bracketEnd(from)
		}
		items, ok := x.items(m)
		if !ok {
			return -1
		}
		return items[len(items)-1].end
	}
	switch x.s[from] {
	case '"', '\'':
		return x.quoteEnd(from)
	}
	return x.plainEnd(from, indent, flow)
}

// An item is an entry of a list in the text.
type item struct {
	dash       int // of a list with dashes
	start, end int
}

// items finds the entries of a list.
func (x *text) items(n *ast.SequenceNode) (items []item, ok bool) {
	for i, v := range n.Values {
		it := item{start: x.start(v)}
		if n.IsFlowStyle {
			it.end = x.end(v, 0, true)
		} else {
			if i >= len(n.Entries) {
				return nil, false
			}
			it.dash = x.offset(n.Entries[i].Start)
			if it.dash < 0 || it.dash >= len(x.s) || x.s[it.dash] != '-' || x.lineStart(it.dash)+x.indentation(it.dash) != it.dash {
				return nil, false
			}
			it.end = x.end(v, x.indentation(it.dash), false)
		}
		if it.start < 0 || it.end <= it.start {
			return nil, false
		}
		items = append(items, it)
	}
	return items, n.IsFlowStyle || len(items) > 0
}

// quoteEnd is the end of a quoted text.
func (x *text) quoteEnd(from int) int {
	quote := x.s[from]
	for i := from + 1; i < len(x.s); i++ {
		switch {
		case quote == '"' && x.s[i] == '\\':
			i++
		case x.s[i] == quote && quote == '\'' && i+1 < len(x.s) && x.s[i+1] == quote:
			i++
		case x.s[i] == quote:
			return i + 1
		}
	}
	return -1
}

// bracketEnd is the end of what begins with a bracket or a brace.
func (x *text) bracketEnd(from int) int {
	depth, word := 0, false // word: in a text without quotes, where a quote is a letter
	for i := from; i >= 0 && i < len(x.s); i++ {
		switch c := x.s[i]; {
		case c == '[' || c == '{':
			depth, word = depth+1, false
		case c == ']' || c == '}':
			if depth--; depth == 0 {
				return i + 1
			}
			word = false
		case (c == '"' || c == '\'') && !word:
			if i = x.quoteEnd(i); i < 0 {
				return -1
			}
			i--
		case c == '#' && strings.ContainsRune(" \t\n", rune(x.s[i-1])):
			i = x.nextLine(i) - 1
			word = false
		case c == ',' || c == ':':
			word = false
		case !strings.ContainsRune(" \t\r\n", rune(c)):
			word = true
		}
	}
	return -1
}

// plainEnd is the end of a text without quotes. It goes on in lines that are further in than its key.
func (x *text) plainEnd(from, indent int, flow bool) int {
	for {
		next := x.nextLine(from)
		line, whole := x.s[from:next], true
		for i := range len(line) {
			comment := line[i] == '#' && i > 0 && (line[i-1] == ' ' || line[i-1] == '\t')
			colon := line[i] == ':' && strings.ContainsRune(" \t\r\n,[]{}", rune((line + "\n")[i+1]))
			if comment || flow && (colon || strings.ContainsRune(",[]{}", rune(line[i]))) {
				line, whole = line[:i], false
				break
			}
		}
		end := from + len(strings.TrimRight(line, " \t\r\n"))
		for next < len(x.s) && strings.TrimSpace(x.s[next:x.nextLine(next)]) == "" {
			next = x.nextLine(next)
		}
		if !whole || next >= len(x.s) {
			return end
		}
		begin := next + len(x.s[next:]) - len(strings.TrimLeft(x.s[next:], " \t"))
		if x.s[begin] == '#' || !flow && begin-next <= indent || flow && strings.ContainsRune(",]}", rune(x.s[begin])) {
			return end
		}
		from = begin
	}
}

// blockEnd is the end of a text after | or >, without the blank lines that follow it.
func (x *text) blockEnd(from, indent int) int {
	next := x.nextLine(from)
	end := from + len(strings.TrimRight(x.s[from:next], "\r\n"))
	for next < len(x.s) {
		line := x.s[next:x.nextLine(next)]
		if strings.TrimSpace(line) != "" {
			if x.indentation(next) <= indent {
				break
			}
			end = next + len(strings.TrimRight(line, "\r\n"))
		}
		next = x.nextLine(next)
	}
	return end
}
