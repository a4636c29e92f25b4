package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/kustomize/kyaml/openapi"
)

// shape is a type of the document, stripped to what a strategic merge asks about.
type shape struct {
	note   string
	fields map[string]*shape
	values *shape
	items  *shape
	merges bool
	keys   []string
	// needed: some list at or below this type merges.
	needed bool
	index  int
}

// graph holds each named definition once, so that types may contain themselves.
type graph struct {
	definitions spec.Definitions
	named       map[string]*shape
	all         []*shape
	order       []*shape
}

func newGraph(definitions spec.Definitions) *graph {
	g := &graph{definitions: definitions, named: map[string]*shape{}}
	for _, name := range slices.Sorted(maps.Keys(definitions)) {
		g.definition(name)
	}
	g.markNeeded()
	g.number()
	return g
}

func (g *graph) definition(name string) *shape {
	if known, ok := g.named[name]; ok {
		return known
	}
	s := &shape{note: name}
	g.named[name] = s
	definition := g.definitions[name]
	g.fill(s, &definition)
	return s
}

func (g *graph) shapeOf(schema *spec.Schema, note string) *shape {
	if ref := schema.Ref.String(); ref != "" {
		return g.definition(strings.TrimPrefix(ref, "#/definitions/"))
	}
	s := &shape{note: note}
	g.fill(s, schema)
	return s
}

func (g *graph) fill(s *shape, schema *spec.Schema) {
	g.all = append(g.all, s)
	resource := openapi.ResourceSchema{Schema: schema}
	strategy, keys := resource.PatchStrategyAndKeyList()
	s.merges = slices.Contains(strings.Split(strategy, ","), "merge")
	s.keys = keys
	s.fields = map[string]*shape{}
	for name, property := range schema.Properties {
		s.fields[name] = g.shapeOf(&property, s.note+"."+name)
	}
	if extra := schema.AdditionalProperties; extra != nil && extra.Schema != nil {
		s.values = g.shapeOf(extra.Schema, s.note+".*")
	}
	if schema.Type.Contains("array") && schema.Items != nil {
		s.items = g.shapeOf(schema.Items.Schema, s.note+"[]")
	}
}

// markNeeded runs until nothing changes, because types may contain themselves. A list that does not merge is
// replaced whole, so nothing below it is ever asked about.
func (g *graph) markNeeded() {
	for changed := true; changed; {
		changed = false
		for _, s := range g.all {
			if !s.needed && (s.merges || s.anyNeeded()) {
				s.needed, changed = true, true
			}
		}
	}
}

func (s *shape) anyNeeded() bool {
	if s.values != nil && s.values.needed {
		return true
	}
	for _, field := range s.fields {
		if field.needed {
			return true
		}
	}
	return false
}

// number gives indices to the needed shapes; everything else is shape 0.
func (g *graph) number() {
	needed := slices.DeleteFunc(slices.Clone(g.all), func(s *shape) bool { return !s.needed })
	slices.SortFunc(needed, func(a, b *shape) int { return strings.Compare(a.note, b.note) })
	for i, s := range needed {
		s.index = i + 1
	}
	g.order = needed
}

func (g *graph) print(out io.Writer) {
	lists := map[string][]string{}
	for _, s := range g.order {
		if s.merges {
			lists[keysName(s.keys)] = s.keys
		}
	}
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		words := make([]string, len(lists[name]))
		for i, key := range lists[name] {
			words[i] = fmt.Sprintf("%q", key)
		}
		fmt.Fprintf(out, "const %s: &[&str] = &[%s];\n", name, strings.Join(words, ", "))
	}
	fmt.Fprintf(out, "\n#[rustfmt::skip]\npub(super) static SHAPES: &[Shape] = &[\n    opaque(), // 0\n")
	for _, s := range g.order {
		fmt.Fprintf(out, "    %s, // %d %s\n", s, s.index, strings.TrimPrefix(s.note, "io.k8s."))
	}
	fmt.Fprintf(out, "];\n")
}

// printDefinitions lists the named definitions that a document of a user's own may refer to.
func (g *graph) printDefinitions(out io.Writer) {
	fmt.Fprintf(out, "\n#[rustfmt::skip]\npub(super) static DEFINITIONS: &[(&str, u32)] = &[\n")
	for _, name := range slices.Sorted(maps.Keys(g.named)) {
		if s := g.named[name]; s.needed {
			fmt.Fprintf(out, "    (%q, %d),\n", name, s.index)
		}
	}
	fmt.Fprintf(out, "];\n")
}

func (s *shape) String() string {
	switch {
	case s.merges:
		item := 0
		if s.items != nil {
			item = s.items.index
		}
		return fmt.Sprintf("keyed(%d, %s)", item, keysName(s.keys))
	case s.values != nil:
		panic("no map with free keys holds a merging list, so the table has no word for one: " + s.note)
	}
	fields := make([]string, 0, len(s.fields))
	for _, name := range slices.Sorted(maps.Keys(s.fields)) {
		fields = append(fields, fmt.Sprintf("(%q, %d)", name, s.fields[name].index))
	}
	return "map(&[" + strings.Join(fields, ", ") + "])"
}

func keysName(keys []string) string {
	if len(keys) == 0 {
		return "ITSELF"
	}
	name := strings.Builder{}
	for i, key := range keys {
		if i > 0 {
			name.WriteString("_AND_")
		}
		for _, letter := range key {
			if letter >= 'A' && letter <= 'Z' {
				name.WriteByte('_')
			}
			name.WriteString(strings.ToUpper(string(letter)))
		}
	}
	return name.String()
}
