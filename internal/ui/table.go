package ui

import (
	"io"
	"strings"
)

// A Column is one column of a [Table].
type Column struct {
	Title   string
	Numeric bool // aligned to the right
}

// A Table is text in columns for a person; programs ask for JSON.
type Table struct {
	columns []Column
	rows    [][]string
}

// NewTable returns a table without rows.
func NewTable(columns ...Column) *Table { return &Table{columns: columns} }

// Add appends a row. Cells that are missing are empty, cells beyond the columns are left out.
func (t *Table) Add(cells ...string) {
	row := make([]string, len(t.columns))
	for i := range min(len(cells), len(row)) {
		row[i] = oneLine(cells[i])
	}
	t.rows = append(t.rows, row)
}

// Write writes the titles and the rows, each column as wide as its widest cell and two blanks from the next.
func (t *Table) Write(w io.Writer) error {
	head := make([]string, len(t.columns))
	widths := make([]int, len(t.columns))
	for i, c := range t.columns {
		head[i] = c.Title
		widths[i] = width(c.Title)
		for _, row := range t.rows {
			widths[i] = max(widths[i], width(row[i]))
		}
	}
	var b strings.Builder
	b.WriteString(paletteFor(w).paint(bold, t.line(head, widths)) + "\n")
	for _, row := range t.rows {
		b.WriteString(t.line(row, widths) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) line(cells []string, widths []int) string {
	var b strings.Builder
	for i, cell := range cells {
		if i > 0 {
			b.WriteString("  ")
		}
		if t.columns[i].Numeric {
			b.WriteString(pad(cell, -widths[i]))
		} else {
			b.WriteString(pad(cell, widths[i]))
		}
	}
	return strings.TrimRight(b.String(), " ")
}
