// Writes the field table of Kubernetes' built-in kinds to standard output, from its own Go types.
// Run by `cargo xtask gen`. A line is one of
//
//	kind API_VERSION KIND TYPE        an object and its type
//	TYPE struct [EMBEDDED>]FIELD:EXPR…  a struct, its fields sorted by name
//	TYPE is EXPR                      a name for something else
//
// and EXPR is a TYPE, []EXPR, {}EXPR (a map), a Go scalar, or one of the words in `words`.
package main

import (
	"bufio"
	"fmt"
	"log"
	"os"
	"reflect"
	"runtime/debug"
	"sort"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensionsv1beta1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	apiregistrationv1beta1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1beta1"
)

// Types that read JSON in their own way.
var words = map[string]string{
	"k8s.io/apimachinery/pkg/util/intstr.IntOrString":                    "int-or-string",
	"k8s.io/apimachinery/pkg/api/resource.Quantity":                      "quantity",
	"k8s.io/apimachinery/pkg/apis/meta/v1.Time":                          "time",
	"k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime":                     "time",
	"k8s.io/apimachinery/pkg/apis/meta/v1.Duration":                      "duration",
	"k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1":                      "object",
	"k8s.io/apimachinery/pkg/runtime.RawExtension":                       "any",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSON":      "any",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1.JSON": "any",
	// a schema is a language of its own
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaProps":      "object",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1.JSONSchemaProps": "object",
}

var unmarshaler = reflect.TypeOf((*interface{ UnmarshalJSON([]byte) error })(nil)).Elem()

type table struct{ lines map[string]string }

func main() {
	for _, add := range []func(*runtime.Scheme) error{
		apiextensionsv1.AddToScheme, apiextensionsv1beta1.AddToScheme,
		apiregistrationv1.AddToScheme, apiregistrationv1beta1.AddToScheme,
	} {
		if err := add(scheme.Scheme); err != nil {
			log.Fatal(err)
		}
	}
	t := table{lines: map[string]string{}}
	var kinds []string
	for gvk, typ := range scheme.Scheme.AllKnownTypes() {
		_, isObject := typ.FieldByName("TypeMeta")
		_, isList := typ.FieldByName("Items")
		if gvk.Version == runtime.APIVersionInternal || !isObject || isList ||
			strings.HasPrefix(typ.PkgPath(), "k8s.io/apimachinery/") ||
			strings.HasSuffix(gvk.Kind, "Options") {
			continue
		}
		kinds = append(kinds, fmt.Sprintf("kind %s %s %s", gvk.GroupVersion(), gvk.Kind, t.expr(typ)))
	}
	sort.Strings(kinds)
	out := bufio.NewWriter(os.Stdout)
	fmt.Fprintf(out, "# Fields of the built-in kinds of Kubernetes %s. Written by `cargo xtask gen`.\n", version())
	for _, line := range kinds {
		fmt.Fprintln(out, line)
	}
	var names []string
	for name := range t.lines {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintf(out, "%s %s\n", name, t.lines[name])
	}
	if err := out.Flush(); err != nil {
		log.Fatal(err)
	}
}

// version is that of the Kubernetes these types are from.
func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, dep := range info.Deps {
		if dep.Path == "k8s.io/api" {
			return "1" + strings.TrimPrefix(dep.Version, "v0")
		}
	}
	log.Fatal("k8s.io/api is not among the modules")
	return ""
}

// name is short and names one type: core/v1.Pod.
func name(typ reflect.Type) string {
	path := strings.Split(typ.PkgPath(), "/")
	if len(path) < 2 {
		log.Fatalf("%s has no package", typ)
	}
	return strings.Join(path[len(path)-2:], "/") + "." + typ.Name()
}

// expr says what JSON a type takes, and notes the types it is made of.
func (t *table) expr(typ reflect.Type) string {
	if typ.Kind() == reflect.Pointer {
		return t.expr(typ.Elem())
	}
	if word, ok := words[typ.PkgPath()+"."+typ.Name()]; ok {
		return word
	}
	if reflect.PointerTo(typ).Implements(unmarshaler) && typ.Kind() != reflect.Interface {
		// a struct that only embeds such a type has fields of its own and none of them is known
		log.Fatalf("%s reads JSON in its own way: give it a word", typ)
	}
	if typ.PkgPath() == "" {
		return t.plain(typ)
	}
	short := name(typ)
	if _, ok := t.lines[short]; !ok {
		t.lines[short] = "" // types contain themselves
		if typ.Kind() == reflect.Struct {
			t.lines[short] = t.structure(typ)
		} else {
			t.lines[short] = "is " + t.plain(typ)
		}
	}
	return short
}

// plain is a type without its name.
func (t *table) plain(typ reflect.Type) string {
	switch typ.Kind() {
	case reflect.String, reflect.Bool, reflect.Int32, reflect.Int64, reflect.Int, reflect.Float64:
		return typ.Kind().String()
	case reflect.Slice:
		if typ.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		return "[]" + t.expr(typ.Elem())
	case reflect.Map:
		if typ.Key().Kind() != reflect.String {
			log.Fatalf("%s: a key that is no text", typ)
		}
		return "{}" + t.expr(typ.Elem())
	default:
		log.Fatalf("%s: no word for a %s", typ, typ.Kind())
		return ""
	}
}

func (t *table) structure(typ reflect.Type) string {
	fields := map[string]string{}
	t.fields(typ, "", fields)
	var names []string
	for name := range fields {
		names = append(names, name)
	}
	sort.Strings(names)
	line := "struct"
	for _, name := range names {
		line += " " + fields[name]
	}
	return line
}

func (t *table) fields(typ reflect.Type, embedded string, found map[string]string) {
	for i := range typ.NumField() {
		field := typ.Field(i)
		tag, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if tag == "-" || (!field.IsExported() && !field.Anonymous) {
			continue
		}
		if strings.Contains(options, "string") {
			log.Fatalf("%s.%s: a number in quotes", typ, field.Name)
		}
		if field.Anonymous && tag == "" {
			inner := field.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			t.fields(inner, embedded+field.Name+">", found)
			continue
		}
		if tag == "" {
			tag = field.Name
		}
		if _, ok := found[tag]; ok {
			log.Fatalf("%s: %s is there twice", typ, tag)
		}
		found[tag] = embedded + tag + ":" + t.expr(field.Type)
	}
}
