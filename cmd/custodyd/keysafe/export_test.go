package keysafe

// Plugin is the program of the KMS kept://.
var Plugin = plugin
