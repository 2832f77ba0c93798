package definition

import "time"

// The structs of this file are the keys of the definition files. Their tags are read by the decoder (required,
// minItems, format), and by the JSON Schema, which takes all of them.

type baseKeys struct {
	Description  Value[string]   `json:"description" jsonschema:"required,format=text" jsonschema_description:"One line that says what the base is."`
	Distribution Value[string]   `json:"distribution" jsonschema:"required,format=word" jsonschema_description:"The distribution that images are made from."`
	Suite        Value[string]   `json:"suite" jsonschema:"required,format=suite" jsonschema_description:"The distribution's release, by its name."`
	Architecture Value[string]   `json:"architecture" jsonschema:"required,format=architecture" jsonschema_description:"The processor that images run on."`
	Components   []Value[string] `json:"components" jsonschema:"required,minItems=1,format=component" jsonschema_description:"The archive's sections that packages may come from."`
	Pockets      []pocketKeys    `json:"pockets" jsonschema:"required,minItems=1" jsonschema_description:"The suites that packages are taken from: the release, its updates, its security fixes."`
	Keyring      Value[string]   `json:"keyring" jsonschema:"required,format=keyring" jsonschema_description:"The file that the archive's signatures are held against: in the base's own folder, else below /usr/share/keyrings; .gpg may be left out."`
	Mirror       Value[string]   `json:"mirror" jsonschema:"format=mirror,default=auto" jsonschema_description:"Where packages come from: auto for the building machine's own package sources, or an http, https or file address."`
	Medium       []Value[string] `json:"medium" jsonschema:"format=package" jsonschema_description:"Packages that the medium boots by. They are not installed in the image."`
	Exclude      []Value[string] `json:"exclude" jsonschema:"format=pattern" jsonschema_description:"Path patterns of what packages hold and the image leaves out."`
	Include      []Value[string] `json:"include" jsonschema:"format=pattern" jsonschema_description:"Path patterns that are kept although exclude names them."`
	Packages     addKeys         `json:"packages" jsonschema_description:"Packages that every image on this base has."`
	Settings     Settings        `json:"settings" jsonschema_description:"Settings of every image on this base."`
	Files        []fileKeys      `json:"files" jsonschema_description:"Mode and owner of single things below files/."`
	AllowSecrets []allowKeys     `json:"allow_secrets" jsonschema_description:"Files that the scan for secrets lets pass, each with a reason."`
}

type pocketKeys struct {
	Suite   Value[string] `json:"suite" jsonschema:"required,format=suite" jsonschema_description:"The suite's name in the archive."`
	Archive Value[string] `json:"archive" jsonschema:"required,format=archive" jsonschema_description:"The archive that the suite is in."`
}

type imageKeys struct {
	Description  Value[string]   `json:"description" jsonschema:"required,format=text" jsonschema_description:"One line that says what the image is for."`
	Base         Value[string]   `json:"base" jsonschema:"required,format=name" jsonschema_description:"The base that the image is made from: a folder of bases/."`
	Product      Value[string]   `json:"product" jsonschema:"required,format=product" jsonschema_description:"The name on screen, in menus and in file names."`
	Features     []Value[string] `json:"features" jsonschema:"format=name" jsonschema_description:"Features that the image takes up, in order: folders of features/."`
	Packages     packageKeys     `json:"packages" jsonschema_description:"Packages that the image adds to its features, or takes away from them."`
	Settings     Settings        `json:"settings" jsonschema_description:"Settings of the image."`
	Checks       []checkKeys     `json:"checks" jsonschema_description:"What must be true in the running system."`
	Compression  Value[string]   `json:"compression" jsonschema:"format=compression,default=fast" jsonschema_description:"fast for daily work, small for a release."`
	AllowSecrets []allowKeys     `json:"allow_secrets" jsonschema_description:"Files that the scan for secrets lets pass, each with a reason."`
}

type featureKeys struct {
	Description  Value[string] `json:"description" jsonschema:"required,format=text" jsonschema_description:"One line that says what the feature gives."`
	Packages     packageKeys   `json:"packages" jsonschema_description:"Packages that the feature adds, or takes away."`
	Settings     Settings      `json:"settings" jsonschema_description:"Settings of every image that takes up the feature."`
	Files        []fileKeys    `json:"files" jsonschema_description:"Mode and owner of single things below files/."`
	AllowSecrets []allowKeys   `json:"allow_secrets" jsonschema_description:"Files that the scan for secrets lets pass, each with a reason."`
}

type respinKeys struct {
	Description  Value[string] `json:"description" jsonschema:"required,format=text" jsonschema_description:"One line that says whose respin it is."`
	Image        Value[string] `json:"image" jsonschema:"required,format=name" jsonschema_description:"The image that the respin is made from."`
	ODSCode      Value[string] `json:"ods_code" jsonschema:"format=ods-code" jsonschema_description:"The organisation's ODS code."`
	Product      Value[string] `json:"product" jsonschema:"format=product" jsonschema_description:"The organisation's own name for it, on screen, in menus and in file names."`
	Mirror       Value[string] `json:"mirror" jsonschema:"format=mirror" jsonschema_description:"Where packages come from, instead of what the base says: auto, or an http, https or file address."`
	Packages     packageKeys   `json:"packages" jsonschema_description:"Packages that the respin adds to the image, or takes away."`
	Settings     Settings      `json:"settings" jsonschema_description:"Settings of the respin."`
	Checks       []checkKeys   `json:"checks" jsonschema_description:"What must be true in the running system."`
	Compression  Value[string] `json:"compression" jsonschema:"format=compression" jsonschema_description:"fast for daily work, small for a release."`
	Files        []fileKeys    `json:"files" jsonschema_description:"Mode and owner of single things below files/."`
	AllowSecrets []allowKeys   `json:"allow_secrets" jsonschema_description:"Files that the scan for secrets lets pass, each with a reason."`
	Waivers      []waiverKeys  `json:"waivers" jsonschema_description:"Controls that the organisation knows to fail and bears for a time."`
}

// waiverKeys are one control that may fail for a time.
type waiverKeys struct {
	Control Value[string] `json:"control" jsonschema:"required,format=control" jsonschema_description:"The control's id."`
	Reason  Value[string] `json:"reason" jsonschema:"required,format=reason" jsonschema_description:"Why the organisation bears that it fails, and what it does instead."`
	By      Value[string] `json:"by" jsonschema:"required,format=person" jsonschema_description:"Who decided it: a name or a role."`
	Until   Value[string] `json:"until" jsonschema:"required,format=day" jsonschema_description:"The last day that it counts."`
}

// controlKeys are one control.
type controlKeys struct {
	At        Origin          `json:"-"`
	ID        Value[string]   `json:"id" jsonschema:"required,format=control" jsonschema_description:"The control's name, which waivers and the evidence pack call it by."`
	Statement Value[string]   `json:"statement" jsonschema:"required,format=text" jsonschema_description:"What is true when the control holds, in words of one's own."`
	Frames    frameKeys       `json:"frames" jsonschema_description:"The published rules that it answers to."`
	Checks    []Value[string] `json:"checks" jsonschema:"anyof_required=checks,format=check" jsonschema_description:"Checks that must pass, each as part/id."`
	Built     []Value[string] `json:"built" jsonschema:"anyof_required=built,format=built" jsonschema_description:"What the build shows by itself."`
	Boots     []Value[string] `json:"boots" jsonschema:"anyof_required=boots,format=firmware" jsonschema_description:"Firmwares under which the medium must boot."`
	Scenarios []Value[string] `json:"scenarios" jsonschema:"anyof_required=scenarios,format=name" jsonschema_description:"Scenarios that must pass on the medium."`
	Attested  Value[string]   `json:"attested" jsonschema:"anyof_required=attested,format=text" jsonschema_description:"What a person attests, where no machine can show it."`
}

type frameKeys struct {
	CyberEssentials []Value[string] `json:"cyber_essentials" jsonschema:"format=theme" jsonschema_description:"Themes of Cyber Essentials, requirements v3.3."`
	DSPTCAF         []Value[string] `json:"dspt_caf" jsonschema:"format=outcome" jsonschema_description:"Contributing outcomes of the CAF-aligned DSPT."`
	NCSC            []Value[string] `json:"ncsc" jsonschema:"format=principle" jsonschema_description:"Principles of the NCSC's guidance on end user devices."`
	CISDebian13     []Value[string] `json:"cis_debian_13" jsonschema:"format=cis" jsonschema_description:"Numbers of the CIS benchmark for Debian 13, v1.0.0."`
}

type addKeys struct {
	Add []Value[string] `json:"add" jsonschema:"format=package" jsonschema_description:"Packages to install."`
}

type packageKeys struct {
	Add    []Value[string] `json:"add" jsonschema:"format=package" jsonschema_description:"Packages to install."`
	Remove []Value[string] `json:"remove" jsonschema:"format=package" jsonschema_description:"Packages that must not be there."`
}

// fileKeys state a mode or an owner for one thing below a files/ folder.
type fileKeys struct {
	At    Origin        `json:"-"`
	Path  Value[string] `json:"path" jsonschema:"required,format=path" jsonschema_description:"Where it is in the image; it must exist below files/."`
	Mode  Value[string] `json:"mode" jsonschema:"anyof_required=mode,format=mode" jsonschema_description:"Permissions as three or four octal digits."`
	Owner Value[string] `json:"owner" jsonschema:"anyof_required=owner,format=user,default=root" jsonschema_description:"The user that it belongs to."`
	Group Value[string] `json:"group" jsonschema:"anyof_required=group,format=group,default=root" jsonschema_description:"The group that it belongs to."`
}

// allowKeys are one exception from the scan for secrets.
type allowKeys struct {
	Path   Value[string] `json:"path" jsonschema:"required,format=glob" jsonschema_description:"Where it is in the image; * stands for any characters but /."`
	Kind   Value[string] `json:"kind" jsonschema:"format=secret" jsonschema_description:"The kind of secret that may be there; any when left out."`
	Reason Value[string] `json:"reason" jsonschema:"required,format=text" jsonschema_description:"Why it is no secret, or one that may be there."`
}

// checkKeys are one check; exactly one of run, unit, process and file is stated.
type checkKeys struct {
	At      Origin               `json:"-"`
	ID      Value[string]        `json:"id" jsonschema:"required,format=name" jsonschema_description:"The check's name within its file's feature, image or respin."`
	Claim   Value[string]        `json:"claim" jsonschema:"required,format=text" jsonschema_description:"What is asserted, as a sentence."`
	Run     Value[string]        `json:"run" jsonschema:"oneof_required=run,format=command" jsonschema_description:"A command for /bin/sh, run as root, that must succeed."`
	Unit    Value[string]        `json:"unit" jsonschema:"oneof_required=unit,format=unit" jsonschema_description:"A systemd unit that must be active."`
	Process Value[string]        `json:"process" jsonschema:"oneof_required=process,format=process" jsonschema_description:"A process that must run."`
	File    Value[string]        `json:"file" jsonschema:"oneof_required=file,format=path" jsonschema_description:"A path that must exist."`
	Within  Value[time.Duration] `json:"within" jsonschema:"format=duration,default=0s" jsonschema_description:"How long the check is tried again until it passes."`
}
