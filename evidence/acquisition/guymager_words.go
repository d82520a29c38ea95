package acquisition

// guymagerLabel is what a line of Guymager's is about.
type guymagerLabel int

const (
	_ guymagerLabel = iota
	gDevice
	gVersion
	gSize
	gFormat
	gCase
	gEvidence
	gExaminer
	gDescription
	gNotes
	gSource // is the source to be read again?
	gImage  // is the image to be read back?
	gStarted
	gVerify
	gEnded
	gState
	gHash
	gHashSource
	gHashImage
)

// guymagerLabels are the labels as the program's own translations have them
// (version 0.8.13: English, German, French, Dutch; Italian and Chinese leave
// these in English), in lower case. Which algorithm a hash label names is not
// asked: see guymager.go.
var guymagerLabels = map[string]guymagerLabel{
	"version": gVersion, "versie": gVersion,
	"linux device": gDevice, "linux-gerät": gDevice, "média linux": gDevice, "linux apparaat": gDevice,
	"device size": gSize, "grösse": gSize, "capacité": gSize, "apparaat grootte": gSize,
	"format": gFormat, "formaat": gFormat,
	"case number": gCase, "fallnummer": gCase, "numéro du dossier": gCase, "zaaknummer": gCase,
	"evidence number": gEvidence, "asservatennummer": gEvidence, "numéro de la pièce": gEvidence,
	"examiner": gExaminer, "bearbeiter": gExaminer, "examinateur": gExaminer,
	"description": gDescription, "beschreibung": gDescription, "omschrijving": gDescription,
	"notes": gNotes, "bemerkungen": gNotes, "notizen": gNotes, "remarques": gNotes, "notities": gNotes,
	"source verification": gSource, "verifikation quellmedium": gSource, "relire et vérifier media": gSource, "bron verificatie": gSource,
	"image verification": gImage, "verifikation image-datei": gImage, "vérification image": gImage, "image verificatie": gImage,
	"acquisition started": gStarted, "beginn akquisition": gStarted, "début de l'acquisition": gStarted, "veiligstellen gestart": gStarted,
	"verification started": gVerify, "beginn md5-verifikation": gVerify, "début de la vérification": gVerify, "verificatie gestart": gVerify,
	"ended": gEnded, "ende": gEnded, "fin": gEnded, "klaar": gEnded,
	"state": gState, "status": gState, "etat": gState,

	"md5 hash": gHash, "sha1 hash": gHash, "sha256 hash": gHash, "sha-256 hash": gHash,
	"md5-hash": gHash, "sha1-hash": gHash, "sha256-hash": gHash,
	"hash md5": gHash, "hash sha-1": gHash, "hash sha256": gHash,

	"md5 hash verified source": gHashSource, "sha1 hash verified source": gHashSource, "sha256 hash verified source": gHashSource,
	"md5-hash quellmedium verifiziert": gHashSource, "sha1-hash quellmedium verifiziert": gHashSource, "sha256-hash quellmedium verifiziert": gHashSource,
	"hash md5 source vérifié": gHashSource, "hash sha-1 source vérifié": gHashSource, "hash sha256 source vérifié": gHashSource,
	"md5 hash geverifieerd van de bron": gHashSource, "sha-256 hash geverifieerd van de bron": gHashSource,

	"md5 hash verified image": gHashImage, "sha1 hash verified image": gHashImage, "sha256 hash verified image": gHashImage,
	"md5-hash image verifiziert": gHashImage, "sha1-hash image verifiziert": gHashImage, "sha256-hash image verifiziert": gHashImage,
	"hash md5 image vérifié": gHashImage, "hash sha-1 image vérifié": gHashImage, "hash sha256 image vérifié": gHashImage,
	"md5 hash geverifieerd van het imagebestand": gHashImage, "sha-256 hash geverifieerd van het imagebestand": gHashImage,
}

// guymagerSwitch reads on and off. Another word is "not said".
var guymagerSwitch = map[string]Said{
	"on": Yes, "ein": Yes, "oui": Yes, "aan": Yes,
	"off": No, "aus": No, "non": No, "uit": No,
}

// guymagerFinished begin the state of a run that went to its end. Every other
// state, in whatever language, is an aborted one.
var guymagerFinished = []string{"finished successfully", "erfolgreich beendet", "terminé avec succès", "met succes klaar", "成功完成"}

// What sentences mean.
const (
	gNone      = iota // nothing was unreadable
	gBad              // sectors were, and it is not said what replaced them
	gBadZero          // sectors were, and were replaced by zeros
	gBadAgain         // sectors were when the source was read again
	gCopyBad          // the image differs from what was written
	gSourceBad        // the source gave different data
)

// guymagerSentences are told by how they begin and by a word in them. That none
// was bad in the verification says nothing of the acquisition, and is not here.
// The German and French sentences on bad sectors leave out that they were zeroed.
var guymagerSentences = []struct {
	begins, holds string
	means         int
}{
	{"no bad sectors encountered during acquisition", "", gNone},
	{"bei der akquisition wurden keine defekte", "", gNone},
	{"aucun mauvais secteur", "pendant l'acquisition", gNone},
	{"er zijn geen sectoren met fouten", "tijdens het veiligstellen", gNone},
	{"during acquisition, ", "replaced by zero", gBadZero},
	{"during acquisition, ", "bad sectors", gBad},
	{"während der akquisition wurden ", "defekte sektoren", gBad},
	{"pendant l'acquisition, ", "mauvais secteurs", gBad},
	{"tijdens het veiligstellen zijn ", "opgevuld met de waarde 0", gBadZero},
	{"during verification, ", "bad sectors", gBadAgain},
	{"während der md5-verifizierung wurden ", "defekte sektoren", gBadAgain},
	{"pendant la vérification, ", "mauvais secteurs", gBadAgain},
	{"tijdens de verificatie zijn ", "bad sectors", gBadAgain},
	{"image verification failed", "", gCopyBad},
	{"verifizierung image schlug fehl", "", gCopyBad},
	{"verificatie van het bewijsbestand is gefaald", "", gCopyBad},
	{"source verification failed", "", gSourceBad},
	{"verifizierung quellmedium schlug fehl", "", gSourceBad},
	{"verificatie van bron is gefaald", "", gSourceBad},
}
