package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// parses is how parsers are called here.
var parses = regexp.MustCompile(`^(Parse|Decode|Unmarshal|Split|parse|decode|split)([A-Z]|$)|^OpenCheckpoint$|^Read$|^Read(Fork|Policy|Token)`)

// fuzzed says which fuzz target reaches each parser of bytes or text from
// outside. A parser that is not listed may not exist; "-" and a reason stands
// for those that read nothing that others write.
var fuzzed = map[string]string{
	"custody Decode":                                         "custody FuzzDecode",
	"custody decodeLong":                                     "custody FuzzDecode",
	"custody ParseFounding":                                  "custody FuzzDocuments",
	"custody ParseOrgDocument":                               "custody FuzzDocuments",
	"custody ParseLogDocument":                               "custody FuzzDocuments",
	"custody parseShortDetail":                               "custody FuzzDocuments",
	"custody parseShortFounding":                             "custody FuzzDocuments",
	"custody ParseDetail":                                    "custody FuzzDocuments",
	"custody parseText":                                      "custody FuzzDocuments",
	"custody ParseTime":                                      "custody FuzzTexts",
	"custody parseTime":                                      "custody FuzzTexts",
	"custody parseZone":                                      "custody FuzzTexts",
	"custody Time.UnmarshalText":                             "custody FuzzDecode",
	"custody Salt.UnmarshalText":                             "custody FuzzTexts",
	"custody/seal ParseEnvelope":                             "custody/seal FuzzParseEnvelope",
	"custody/seal parseCanonical":                            "custody/seal FuzzParseEnvelope",
	"custody/seal ParseSPKI":                                 "custody/seal FuzzParseSPKI",
	"custody/seal ParsePublicPEM":                            "custody/seal FuzzParsePublicPEM",
	"custody/seal parseSignature":                            "custody/seal FuzzNormaliseSignature",
	"custody/tlog ParseLeaf":                                 "custody/tlog FuzzParseLeaf",
	"custody/tlog ParseLeafBy":                               "custody/tlog FuzzParseLeaf",
	"custody/tlog splitLeaf":                                 "custody/tlog FuzzParseLeaf",
	"custody/tlog OpenCheckpoint":                            "custody/tlog FuzzNote",
	"custody/tlog SplitNote":                                 "custody/tlog FuzzSignatures",
	"custody/tlog ParseSignatures":                           "custody/tlog FuzzSignatures",
	"custody/tlog ParseCheckpointBody":                       "custody/tlog FuzzCheckpointBody",
	"custody/tlog ParseForeignCheckpoint":                    "custody/tlog FuzzSignatures",
	"custody/tlog Frontier.UnmarshalBinary":                  "custody/tlog FuzzFrontier",
	"custody/tlog ParseLogKey":                               "custody/tlog FuzzVerifierKeys",
	"custody/tlog ParseMLDSAKey":                             "custody/tlog FuzzVerifierKeys",
	"custody/tlog ParseVerifierKey":                          "custody/tlog FuzzVerifierKeys",
	"custody/tlog parseMLDSA":                                "custody/tlog FuzzVerifierKeys",
	"custody/tlog ParseTilePath":                             "custody/tlog FuzzParseTilePath",
	"custody/tlog DecodeEntries":                             "custody/tlog FuzzDecodeEntries",
	"custody/tlog splitEntries":                              "custody/tlog FuzzDecodeEntries",
	"custody/tlog DecodeTile":                                "- a multiple of 32 bytes, and nothing to read in it",
	"custody/tlog ParseTimestamp":                            "custody/tlog FuzzTimestamp",
	"custody/tlog parseGenTime":                              "custody/tlog FuzzTimestamp",
	"custody/tlog splitReply":                                "custody/tlog FuzzTimestamp",
	"custody/dossier Decode":                                 "custody/dossier FuzzDecode",
	"custody/dossier DecodeEach":                             "custody/dossier FuzzDecode",
	"custody/dossier decode":                                 "custody/dossier FuzzDecode",
	"custody/dossier decodeProof":                            "custody/dossier FuzzContents",
	"custody/dossier shared.decodeBundle":                    "custody/dossier FuzzContents",
	"custody/verify Read":                                    "custody/dossier FuzzDecode",
	"custody/verify ParsePolicy":                             "custody/verify FuzzParsePolicy",
	"custody/keyring parseKeyFile":                           "custody/keyring FuzzKeyFile",
	"custody/keyring decodeStrict":                           "custody/keyring FuzzStored",
	"custody/keyring parsePolicy":                            "custody/keyring FuzzStored",
	"custody/auditor parseState":                             "custody/auditor FuzzState",
	"custody/auditor ReadFork":                               "custody/auditor FuzzFork",
	"custody/auditor scanner.parseKey":                       "custody/seal FuzzParseSPKI",
	"custody/witness parseRequest":                           "custody/witness FuzzRequest",
	"custody/witness parseSize":                              "custody/witness FuzzRequest",
	"custody/witness ParsePeer":                              "- the operator's own configuration",
	"custody/witness ParseCertificates":                      "- the operator's own configuration",
	"custody/report Parse":                                   "custody/report FuzzParse",
	"custody/report ParseInstant":                            "custody/report FuzzParseInstant",
	"custody/report Instant.UnmarshalText":                   "custody/report FuzzParseInstant",
	"cmd/custodyd/keysafe parseWrapping":                     "cmd/custodyd/keysafe FuzzParseWrapping",
	"evidence ParseDigest":                                   "evidence FuzzParseDigest",
	"evidence Digest.UnmarshalText":                          "evidence FuzzParseDigest",
	"evidence Hasher.UnmarshalBinary":                        "evidence FuzzHasherState",
	"evidence/sum digest.UnmarshalBinary":                    "evidence FuzzHasherState",
	"evidence/ewf parseVolume":                               "evidence/ewf FuzzOpen",
	"evidence ParseManifest":                                 "evidence FuzzParseManifest",
	"evidence parseSegmented":                                "evidence FuzzHasherState",
	"evidence SplitLeaves":                                   "- a multiple of 32 bytes, and nothing to read in it",
	"evidence/acquisition Parse":                             "evidence/acquisition FuzzParse",
	"evidence/vault ParseChecksum":                           "evidence/vault FuzzParseChecksum",
	"evidence/vault Checksum.UnmarshalText":                  "evidence/vault FuzzParseChecksum",
	"evidence/vault/locals3 parsePlan":                       "evidence/vault/locals3 FuzzRegister",
	"evidence/vault/locals3 parseEntry":                      "evidence/vault/locals3 FuzzRegister",
	"cmd/custodyd/config Config.parse":                       "cmd/custodyd/config FuzzParse",
	"cmd/custodyd/config Duration.UnmarshalText":             "cmd/custodyd/config FuzzParse",
	"cmd/custodyd/config Count.UnmarshalText":                "cmd/custodyd/config FuzzParse",
	"cmd/custodyd/config Witnesses.UnmarshalText":            "cmd/custodyd/config FuzzParse",
	"cmd/custodyd/config Size.UnmarshalText":                 "cmd/custodyd/config FuzzParse",
	"cmd/custodyd/config TimestampAuthorities.UnmarshalText": "cmd/custodyd/config FuzzParse",
}

// root of the module, from here.
const root = "../.."

// sources parses every Go file below the module's own packages.
func sources(t *testing.T, each func(dir string, file *ast.File, test bool)) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != root) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, ".gen.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		files++
		dir, err := filepath.Rel(root, filepath.Dir(path))
		each(filepath.ToSlash(dir), f, strings.HasSuffix(path, "_test.go"))
		return err
	})
	if err != nil || files < 100 {
		t.Fatalf("%d files: %v", files, err)
	}
}

// outside: packages whose input comes from others.
func outside(dir string) bool {
	// A person's own command line (cmd/custody) is not outside.
	return !helper(dir) && dir != "cmd/custody" && (dir == "evidence" || strings.HasPrefix(dir, "evidence/") || dir == "custody" || strings.HasPrefix(dir, "custody/") ||
		dir == "api" || strings.HasPrefix(dir, "cmd/"))
}

// TestParsersAreFuzzed finds every function that reads bytes, and every fuzz
// target, with what it was seeded with and found.
func TestParsersAreFuzzed(t *testing.T) {
	targets, found := map[string]bool{}, map[string]bool{}
	sources(t, func(dir string, file *ast.File, test bool) {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			name := dir + " " + f.Name.Name
			if f.Recv != nil {
				name = dir + " " + receiver(f) + "." + f.Name.Name
			}
			switch {
			case test && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Fuzz"):
				targets[name] = true
			case f.Recv != nil && f.Name.Name == "Read": // of an io.Reader
			case !test && outside(dir) && parses.MatchString(f.Name.Name) && takesBytes(f):
				found[name] = true
			}
		}
	})
	for name := range found {
		by, listed := fuzzed[name]
		if !listed {
			t.Errorf("%s: no fuzz target is said to reach it", name)
		} else if !strings.HasPrefix(by, "- ") && !targets[by] {
			t.Errorf("%s: its fuzz target %s does not exist", name, by)
		}
	}
	for name := range fuzzed {
		if !found[name] {
			t.Errorf("%s is listed and does not exist", name)
		}
	}
	if len(targets) < 30 {
		t.Errorf("%d fuzz targets", len(targets))
	}
	for name := range targets {
		dir, target, _ := strings.Cut(name, " ")
		corpus, err := os.ReadDir(filepath.Join(root, dir, "testdata", "fuzz", target))
		if err != nil || len(corpus) == 0 {
			t.Errorf("%s has no corpus that a run of it found: %v", name, err)
		}
		size := int64(0)
		for _, f := range corpus {
			if info, err := f.Info(); err == nil {
				size += info.Size()
			}
		}
		if size > 256<<10 {
			t.Errorf("the corpus of %s has %d bytes: keep it small", name, size)
		}
	}
}

func receiver(f *ast.FuncDecl) string {
	switch r := f.Recv.List[0].Type.(type) {
	case *ast.StarExpr:
		if id, ok := r.X.(*ast.Ident); ok {
			return id.Name
		}
	case *ast.Ident:
		return r.Name
	}
	return "?"
}

// takesBytes: the first parameter that is bytes, text or a reader, and an error
// or a bool among the results.
func takesBytes(f *ast.FuncDecl) bool {
	if f.Type.Results == nil {
		return false
	}
	fails := slices.ContainsFunc(f.Type.Results.List, func(r *ast.Field) bool {
		id, ok := r.Type.(*ast.Ident)
		return ok && (id.Name == "error" || id.Name == "bool")
	})
	return fails && slices.ContainsFunc(f.Type.Params.List, func(p *ast.Field) bool {
		switch typ := p.Type.(type) {
		case *ast.ArrayType:
			id, ok := typ.Elt.(*ast.Ident)
			return ok && id.Name == "byte" && typ.Len == nil
		case *ast.Ident:
			return typ.Name == "string"
		case *ast.SelectorExpr:
			return typ.Sel.Name == "ReaderAt" || typ.Sel.Name == "SectionReader" || typ.Sel.Name == "String"
		}
		return false
	})
}
