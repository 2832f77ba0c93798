package definition

import (
	"strings"
	"testing"
)

// TestRemoval states parts as "KIND +ADDED -REMOVED" and what comes of them.
func TestRemoval(t *testing.T) {
	tests := []struct {
		name                                            string
		parts                                           []string
		base, image, imageRemoved, respin, respinRemove string
		wanted                                          string
	}{
		{
			name:  "parts add up, in order",
			parts: []string{"base +k", "feature +a +b", "feature +c", "image +d", "respin +e"},
			base:  "k", image: "a b c d", respin: "e", wanted: "k a b c d e",
		},
		{
			name:  "the first of several is kept",
			parts: []string{"base +k", "feature +a +a", "feature +a +k", "image +a +k", "respin +a +k"},
			base:  "k", image: "a", wanted: "k a",
		},
		{
			name:  "a feature removes what an earlier one adds",
			parts: []string{"base", "feature +a +b", "feature -a"},
			image: "b", imageRemoved: "a", wanted: "b",
		},
		{
			name:  "a feature removes what a later one adds",
			parts: []string{"base", "feature -a", "feature +a +b"},
			image: "b", imageRemoved: "a", wanted: "b",
		},
		{
			name:  "the image brings back what a feature removes",
			parts: []string{"base", "feature -a", "image +a"},
			image: "a", wanted: "a",
		},
		{
			name:  "the image removes what a feature adds, and what nobody does",
			parts: []string{"base", "feature +a", "image -a -recommended"},
			image: "", imageRemoved: "a recommended", wanted: "",
		},
		{
			name:  "the base's layer keeps what the image removes",
			parts: []string{"base +k +n", "image -n"},
			base:  "k n", imageRemoved: "n", wanted: "k",
		},
		{
			name:  "a package of the base, removed by a feature, brought back by the image",
			parts: []string{"base +k +n", "feature -n", "image +n"},
			base:  "k n", image: "", wanted: "k n",
		},
		{
			name:  "the respin removes and brings back",
			parts: []string{"base +k", "feature +a +b", "image -b -c", "respin +b -a -k -c"},
			base:  "k", image: "a", imageRemoved: "b c", respin: "b", respinRemove: "a k", wanted: "b",
		},
		{
			name:  "a package of the base, removed by the image, brought back by the respin",
			parts: []string{"base +n", "image -n", "respin +n"},
			base:  "n", imageRemoved: "n", respin: "n", wanted: "n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			img := &Image{}
			for i, text := range test.parts {
				words := strings.Fields(text)
				p := Part{Kind: Kind(words[0])}
				for _, w := range words[1:] {
					k := Package{w[1:], Origin{File: words[0], Line: i + 1}}
					if w[0] == '+' {
						p.Packages.Add = append(p.Packages.Add, k)
					} else {
						p.Packages.Remove = append(p.Packages.Remove, k)
					}
				}
				img.Parts = append(img.Parts, p)
			}
			differ(t, "BasePackages", test.base, spell(img.BasePackages()))
			differ(t, "ImagePackages", test.image, spell(img.ImagePackages()))
			differ(t, "ImageRemoved", test.imageRemoved, spell(img.ImageRemoved()))
			differ(t, "RespinPackages", test.respin, spell(img.RespinPackages()))
			differ(t, "RespinRemoved", test.respinRemove, spell(img.RespinRemoved()))
			differ(t, "WantedPackages", test.wanted, spell(img.WantedPackages()))
		})
	}
}

func spell(packages []Package) string {
	var names []string
	for _, p := range packages {
		names = append(names, p.Name)
	}
	return strings.Join(names, " ")
}

// TestFirstOrigin sees to it that a package that many add is the first one's.
func TestFirstOrigin(t *testing.T) {
	want := []string{
		"cups features/greeting/feature.yaml:3:17", "cups-browsed features/printing/feature.yaml:3:15",
		"htop images/mini.yaml:9:9",
	}
	differ(t, "packages", want, places(load(t, "mini").ImagePackages()))
}
