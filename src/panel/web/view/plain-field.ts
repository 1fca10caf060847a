/** Attributes of a field for ids: no help with spelling. As text, since the renderer takes `false` for "leave it out". */
export const plainField: Readonly<Record<string, string>> = {
  autocomplete: "off",
  autocapitalize: "off",
  spellcheck: "false",
};
