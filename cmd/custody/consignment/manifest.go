package consignment

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
)

// Manifest is the list that accompanies a consignment, in the words of a custody
// record: one line for each thing found, also for what was left out.
type Manifest struct {
	Format    string           `json:"format"` // ManifestFormat
	Made      time.Time        `json:"made"`   // by this computer's clock
	Server    string           `json:"server"`
	Case      evidence.Digest  `json:"case"`
	Exhibit   string           `json:"exhibitNo,omitempty"`
	Parent    *evidence.Digest `json:"exhibitItem,omitempty"`
	Depositor custody.Party    `json:"depositor"`
	Lines     []Line           `json:"lines"`
}

// ManifestFormat names the form of a manifest.
const ManifestFormat = "custody-manifest/v1"

// Line is one entry of a manifest. Hashes are of the file; a media hash is another
// thing, and stands in the acquisition log.
type Line struct {
	No       int    `json:"no"`
	File     string `json:"fileName"`
	Path     string `json:"path"` // below what was named on the command line
	Bytes    int64  `json:"bytes"`
	SHA256   string `json:"sha256,omitempty"`
	SHA1     string `json:"sha1,omitempty"`
	MD5      string `json:"md5,omitempty"`
	Role     string `json:"role,omitempty"`
	Item     string `json:"item,omitempty"`
	LogOf    int    `json:"acquisitionLogOf,omitempty"` // no. of the image
	PartOf   int    `json:"segmentOf,omitempty"`        // no. of the first segment
	LogIndex uint64 `json:"logIndex,omitempty"`
	Status   string `json:"status"`
	Remarks  string `json:"remarks,omitempty"`
}

// NewManifest lists the outcomes.
func NewManifest(m Manifest, all []Outcome) Manifest {
	m.Format = ManifestFormat
	m.Lines = []Line{}
	for i, o := range all {
		l := Line{No: i + 1, File: o.Name, Path: o.Rel, Bytes: o.Size, SHA256: o.SHA256, SHA1: o.SHA1, MD5: o.MD5, Role: string(o.Role),
			LogIndex: o.Index, Status: o.Status, Remarks: o.Remarks()}
		if !o.Item.IsZero() {
			l.Item = o.Item.String()
		}
		if o.What == Log {
			l.LogOf = o.Of + 1
		}
		if o.What == Segment {
			l.PartOf = o.Of + 1
		}
		m.Lines = append(m.Lines, l)
	}
	return m
}

// Remarks are all that is to be said of an outcome in a table.
func (o Outcome) Remarks() string {
	parts := append([]string{}, o.Compare...)
	for _, s := range []string{o.Why, o.Note} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if o.Err != nil {
		parts = append(parts, o.Err.Error())
	}
	return strings.Join(parts, "; ")
}

// JSON encodes the manifest.
func (m Manifest) JSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(m); err != nil {
		return nil, fmt.Errorf("couldn't encode the manifest: %w", err)
	}
	return b.Bytes(), nil
}

// columns of the CSV, for a seizure list.
var columns = []string{"no", "exhibit no", "file name", "path", "bytes", "sha-256 (file)", "sha-1 (file)", "md5 (file)", "role", "item", "acquisition log of no", "segment of no", "log index", "status", "remarks"}

// CSV encodes the manifest with a byte order mark, so that spreadsheets read it as
// UTF-8. What a spreadsheet would take for a formula begins with an apostrophe.
func (m Manifest) CSV() ([]byte, error) {
	b := bytes.NewBufferString("\ufeff")
	w := csv.NewWriter(b)
	rows := [][]string{columns}
	for _, l := range m.Lines {
		row := []string{strconv.Itoa(l.No), m.Exhibit, l.File, l.Path, strconv.FormatInt(l.Bytes, 10), l.SHA256, l.SHA1, l.MD5, l.Role, l.Item, number(l.LogOf), number(l.PartOf), "", l.Status, l.Remarks}
		if l.Status == Deposited || l.LogIndex > 0 {
			row[12] = strconv.FormatUint(l.LogIndex, 10)
		}
		for i := range row {
			if strings.ContainsAny(row[i][:min(1, len(row[i]))], "=+-@\t\r") {
				row[i] = "'" + row[i]
			}
		}
		rows = append(rows, row)
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("couldn't encode the manifest: %w", err)
	}
	return b.Bytes(), nil
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// Sums lists SHA-256 as sha256sum does, to be checked with "sha256sum -c" where
// the command was run. Paths are as they were found, byte for byte.
func Sums(all []Outcome) []byte {
	var b bytes.Buffer
	for _, o := range all {
		if o.SHA256 == "" {
			continue
		}
		path := filepath.ToSlash(o.Path)
		if safe := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`).Replace(path); safe != path {
			fmt.Fprintf(&b, "\\%s  %s\n", o.SHA256, safe)
			continue
		}
		fmt.Fprintf(&b, "%s  %s\n", o.SHA256, path)
	}
	return b.Bytes()
}
