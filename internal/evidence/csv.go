package evidence

import (
	"bytes"
	"encoding/csv"
	"strings"
	"time"

	"nhos.org/nhos/internal/boottest/report"
)

// table is the pack as CSV (RFC 4180, UTF-8), a line a control.
func (p *Pack) table() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	rows := [][]string{{
		"control", "statement", "cyber essentials v3.3", "dspt-caf", "ncsc", "cis debian 13", "result", "why", "proof", "to be attested",
		"waiver reason", "waiver by", "waiver until", "changed by the respin", "boots", "medium", "medium sha256", "tested", "qemu",
		"organisation", "ods code", "product", "judged",
	}}
	for _, c := range p.Controls {
		var proofs, boots, tested, qemu []string
		for _, f := range c.Proofs {
			proofs = append(proofs, f.Kind+" "+f.Name+": "+string(f.State))
			for _, name := range f.Boots {
				for _, b := range p.Boots {
					if b.Name != name {
						continue
					}
					boots = addOnce(boots, b.Name)
					tested = addOnce(tested, b.Started.Format(time.RFC3339))
					qemu = addOnce(qemu, b.QEMU+" "+b.Firmware)
				}
			}
		}
		var reason, by, until string
		if c.Waiver != nil {
			reason, by, until = c.Waiver.Reason, c.Waiver.By, c.Waiver.Until
		}
		f := c.Frames
		rows = append(rows, []string{
			c.ID, c.Statement, join(f.CyberEssentials), join(f.DSPTCAF), join(f.NCSC), join(f.CISDebian13), string(c.Result), join(c.Why), join(proofs),
			c.Attested, reason, by, until, join(c.Touched), join(boots), p.Medium, p.SHA256, join(tested), join(qemu),
			p.Organisation, p.ODSCode, p.Product, p.Judged.Format(time.DateOnly),
		})
	}
	for _, row := range rows {
		for i := range row {
			row[i] = plain(row[i])
		}
		if err := w.Write(row); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

func join(list []string) string { return strings.Join(list, "; ") }

func addOnce(list []string, s string) []string {
	for _, have := range list {
		if have == s {
			return list
		}
	}
	return append(list, s)
}

// plain keeps a spreadsheet from taking a cell for a formula: a guest or a definition may have written it.
func plain(s string) string {
	s = report.Readable(s)
	if s != "" && strings.ContainsRune("=+-@\t", rune(s[0])) {
		return "'" + s
	}
	return s
}
