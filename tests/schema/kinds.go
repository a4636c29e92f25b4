package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// kind is one kind of one version: the shape of its objects, 0 where there is none, and its scope.
type kind struct {
	meta  yaml.TypeMeta
	index int
	known bool
	scope string
}

// findKinds lists the kinds that have a shape that matters, a shape at all, or a scope.
func findKinds(dir string, g *graph) []kind {
	kinds := map[yaml.TypeMeta]kind{}
	for name, definition := range g.definitions {
		entries, _ := definition.Extensions["x-kubernetes-group-version-kind"].([]any)
		for _, entry := range entries {
			meta := typeMeta(entry.(map[string]any))
			kinds[meta] = kind{meta: meta, known: true, index: g.named[name].index}
		}
	}
	for _, meta := range scopedKinds(dir) {
		kinds[meta] = kind{meta: meta, known: kinds[meta].known, index: kinds[meta].index}
	}
	result := make([]kind, 0, len(kinds))
	for meta, k := range kinds {
		k.scope = scopeOf(meta)
		if k.index != 0 || k.scope != "" {
			result = append(result, k)
		}
	}
	slices.SortFunc(result, func(a, b kind) int {
		if order := strings.Compare(a.meta.APIVersion, b.meta.APIVersion); order != 0 {
			return order
		}
		return strings.Compare(a.meta.Kind, b.meta.Kind)
	})
	return result
}

func typeMeta(entry map[string]any) yaml.TypeMeta {
	version := entry["version"].(string)
	if group, _ := entry["group"].(string); group != "" {
		version = group + "/" + version
	}
	return yaml.TypeMeta{APIVersion: version, Kind: entry["kind"].(string)}
}

func scopeOf(meta yaml.TypeMeta) string {
	namespaced, known := openapi.IsNamespaceScoped(meta)
	switch {
	case !known:
		return ""
	case namespaced:
		return "N"
	default:
		return "C"
	}
}

// scopedKinds reads the keys of kyaml's private table of scopes: some kinds in it have no definition, and so
// cannot be found through its public functions.
func scopedKinds(dir string) []yaml.TypeMeta {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, "openapi", "openapi.go"), nil, 0)
	if err != nil {
		log.Fatal(err)
	}
	var kinds []yaml.TypeMeta
	ast.Inspect(file, func(node ast.Node) bool {
		entry, ok := node.(*ast.KeyValueExpr)
		if !ok {
			return true
		}
		if key, ok := entry.Key.(*ast.CompositeLit); ok {
			kinds = append(kinds, literal(key))
		}
		return true
	})
	if len(kinds) == 0 {
		log.Fatal("no table of scopes in kyaml's openapi.go")
	}
	return kinds
}

func literal(key *ast.CompositeLit) (meta yaml.TypeMeta) {
	for _, element := range key.Elts {
		field := element.(*ast.KeyValueExpr)
		value, err := strconv.Unquote(field.Value.(*ast.BasicLit).Value)
		if err != nil {
			log.Fatal(err)
		}
		switch field.Key.(*ast.Ident).Name {
		case "APIVersion":
			meta.APIVersion = value
		case "Kind":
			meta.Kind = value
		}
	}
	return meta
}

func printKinds(out io.Writer, kinds []kind) {
	fmt.Fprintf(out, "#[rustfmt::skip]\npub(super) static KINDS: &[Group] = &[\n")
	for len(kinds) > 0 {
		version := kinds[0].meta.APIVersion
		end := slices.IndexFunc(kinds, func(k kind) bool { return k.meta.APIVersion != version })
		if end < 0 {
			end = len(kinds)
		}
		entries := make([]string, end)
		for i, k := range kinds[:end] {
			entries[i] = k.String()
		}
		fmt.Fprintf(out, "    (%q, &[%s]),\n", version, strings.Join(entries, ", "))
		kinds = kinds[end:]
	}
	fmt.Fprintf(out, "];\n")
}

func (k kind) String() string {
	shape := "None"
	if k.known {
		shape = fmt.Sprintf("Some(%d)", k.index)
	}
	if k.scope == "" {
		return fmt.Sprintf("u(%q, %s)", k.meta.Kind, shape)
	}
	return fmt.Sprintf("k(%q, %s, %s)", k.meta.Kind, shape, k.scope)
}

func module(path string) (dir, version string) {
	answer, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}\t{{.Version}}", path).Output()
	if err != nil {
		log.Fatalf("go list -m %s: %v", path, err)
	}
	dir, version, _ = strings.Cut(strings.TrimSpace(string(answer)), "\t")
	return dir, version
}
