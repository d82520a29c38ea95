// Package metrics counts what the service does, for Prometheus: nothing of a
// case, no id, no name of a person or file is ever a label.
package metrics

import (
	"fmt"
	"strings"
)

// kind of a metric.
type kind string

const (
	counter   kind = "counter"
	gauge     kind = "gauge"
	histogram kind = "histogram"
)

// definition is one row of the table: the metrics are made of it, and so is
// what Document prints.
type definition struct {
	name   string
	kind   kind
	labels []string
	help   string
}

var (
	requests      = definition{"custodyd_requests_total", counter, []string{"method", "route", "status"}, "Requests answered; route is the template, none where there is none."}
	requestTime   = definition{"custodyd_request_seconds", histogram, []string{"route"}, "Time from a request's headers to the end of its answer."}
	aborted       = definition{"custodyd_requests_aborted_total", counter, []string{"route"}, "Answers that were begun and could not be finished: the connection was cut."}
	received      = definition{"custodyd_received_bytes_total", counter, []string{"route"}, "Bytes of requests' bodies."}
	sent          = definition{"custodyd_sent_bytes_total", counter, []string{"route"}, "Bytes of answers' bodies."}
	refusals      = definition{"custodyd_refusals_total", counter, []string{"code", "rule"}, "Problems answered, by code and by the rule that refused."}
	uploads       = definition{"custodyd_uploads_total", counter, []string{"what"}, "Upload sessions begun, finished (their deposit is in the log) and aborted."}
	uploadsOpen   = definition{"custodyd_uploads_open", gauge, nil, "Upload sessions that are neither finished nor aborted, of all replicas."}
	events        = definition{"custodyd_events_total", counter, []string{"kind"}, "Events that this process appended to the log."}
	appendTime    = definition{"custodyd_append_seconds", histogram, []string{"outcome"}, "Time from handing in events to their receipts; outcome is appended, repeated, stale, refused, unavailable or failed."}
	logSize       = definition{"custodyd_checkpoint_size", gauge, nil, "Events under the newest signed checkpoint."}
	logAge        = definition{"custodyd_checkpoint_age_seconds", gauge, nil, "Age of the newest signed checkpoint; it grows while nothing is appended."}
	connections   = definition{"custodyd_database_connections", gauge, []string{"state"}, "Connections of this process to the database, as the database sees them."}
	storeTime     = definition{"custodyd_store_operation_seconds", histogram, []string{"operation"}, "Time of operations of the object store."}
	storeErrors   = definition{"custodyd_store_errors_total", counter, []string{"operation", "class"}, "Operations of the object store that failed; class is full, given-up (by the caller) or failed."}
	tileReads     = definition{"custodyd_log_reads_total", counter, []string{"source"}, "Tiles and entry bundles served; source is memory, store, database (a complete one that is not in the store yet, or whose copy there was refused) or edge (a partial one at the log's end)."}
	tilesKept     = definition{"custodyd_log_tiles_stored_total", counter, []string{"what"}, "Complete tiles and bundles that this process moved to the object store, by what they are: tile or bundle."}
	tilesRefused  = definition{"custodyd_log_tiles_refused_total", counter, nil, "Copies of tiles and bundles in the object store that are not what the signed tree has. None should ever be."}
	timestamps    = definition{"custodyd_timestamps_total", counter, []string{"authority", "of", "outcome"}, "Timestamps asked for by this process; of is checkpoint or event; outcome is kept or failed."}
	timesWaiting  = definition{"custodyd_timestamp_waiting_seconds", gauge, []string{"authority"}, "Age of the oldest event that no checkpoint timestamped by the authority includes; 0: none. It grows while the authority is down; nothing waits for it."}
	witnessedSize = definition{"custodyd_witnessed_size", gauge, nil, "Events under the newest checkpoint that the quorum of witnesses has cosigned; absent without a quorum."}
	cosignedSize  = definition{"custodyd_witness_size", gauge, []string{"witness"}, "Events under the newest checkpoint that the witness has cosigned."}
	cosignedAge   = definition{"custodyd_witness_age_seconds", gauge, []string{"witness"}, "Time since the witness's newest cosignature, by the time that it says; it grows while nothing is appended, too."}
	witnessUp     = definition{"custodyd_witness_up", gauge, []string{"witness"}, "Whether the witness cosigned what it was last asked to cosign."}
	copies        = definition{"custodyd_fixity_checks_total", counter, []string{"result"}, "Copies of artifacts that this process read back; result is passed, failed or unchecked."}
	copyBytes     = definition{"custodyd_fixity_bytes_total", counter, nil, "Bytes of copies that this process read back."}
	copiesBad     = definition{"custodyd_fixity_failed", gauge, nil, "Artifacts whose copy is not what was deposited, by the newest event. None should ever be."}
	copiesOpen    = definition{"custodyd_fixity_unchecked", gauge, nil, "Artifacts whose copy could not be read back the last time; those that a court had erased are not among them."}
	copiesDue     = definition{"custodyd_fixity_due", gauge, nil, "Artifacts whose copy waits to be read back."}
	copiesAge     = definition{"custodyd_fixity_oldest_seconds", gauge, nil, "Time since the copy that waits the longest was read back, or received; absent where nothing is stored."}
	images        = definition{"custodyd_images_total", counter, []string{"outcome"}, "Artifacts that this process looked at; outcome is whole, damaged or unreadable of images that it decoded, other (no image in the Expert Witness format), erased, or failed (its bytes could not be read, and are tried again)."}
	imageBytes    = definition{"custodyd_image_bytes_total", counter, nil, "Bytes that this process read to decode images."}
	imagesWaiting = definition{"custodyd_images_waiting", gauge, nil, "Artifacts that were not looked at yet."}
	imagesFailing = definition{"custodyd_images_failing", gauge, nil, "Of them, those whose bytes could not be read when they were tried."}
	imagesDamaged = definition{"custodyd_images_damaged", gauge, nil, "Images with a chunk that cannot be decoded, or with a stored hash that is not that of their media data."}
	certificate   = definition{"custodyd_certificate_expiry_timestamp_seconds", gauge, nil, "When the API's TLS certificate expires; absent without TLS."}
	sourceStands  = definition{"custodyd_source_up", gauge, []string{"source"}, "Whether what is asked at each scrape could be: ledger (checkpoint), timestamps, fixity, images, witnesses, database (uploads, connections)."}
)

// table is all of them, in the order of the document.
var table = []definition{requests, requestTime, aborted, received, sent, refusals, uploads, uploadsOpen, events, appendTime,
	logSize, logAge, timestamps, timesWaiting, copies, copyBytes, copiesBad, copiesOpen, copiesDue, copiesAge, images, imageBytes, imagesWaiting, imagesFailing, imagesDamaged, witnessedSize, cosignedSize, cosignedAge, witnessUp, connections, storeTime, storeErrors, tileReads, tilesKept, tilesRefused, certificate, sourceStands}

// Document is the table of all metrics, in Markdown.
func Document() string {
	var b strings.Builder
	b.WriteString("| Metric | Type | Labels | Meaning |\n| --- | --- | --- | --- |\n")
	for _, d := range table {
		labels := ""
		if len(d.labels) > 0 {
			labels = "`" + strings.Join(d.labels, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", d.name, d.kind, labels, d.help)
	}
	b.WriteString("| `go_*`, `process_*` | | | Go's runtime and this process, as the Prometheus library tells them. |\n")
	return b.String()
}
