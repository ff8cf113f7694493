// What the page says, in its languages.

const EN = {
  tagline: "Type, and it is written by hand.",
  language: "Language",
  text: "Your text",
  page: "Page",
  save: "Save or share the page",
  saveAs: "Save as {0}",
  copyLink: "Copy link",
  linkCopied: "The link is copied. It holds your text and settings.",
  linkWithoutHand: "The link is copied. It holds your text and settings, but not the style of your photo.",
  linkNotCopied: "The browser does not let the page copy: copy the link from the address bar.",
  noFile: "The file could not be made: {0}",
  smallPicture: "Saved with {0} dots per inch, for a picture of so many pages would be too large; PDF and SVG are sharp.",
  tooLarge: "the browser makes no picture as large as that; PDF and SVG have any size.",
  tooLong: "Only the first {0} characters are kept.",
  longWord: "“{0}” has more letters than any word in training ({1}), so it may be malformed.",
  cutWord: "“{0}” is cut, for a word has at most {1} characters.",
  style: "Style",
  styleName: "Style {0}",
  secondStyle: "Second style",
  seed: "Style number",
  seedRange: "A style number is a whole number from 0 to {0}.",
  moreStyles: "More styles",
  blendOn: "Blend with a second style",
  blend: "First to second style",
  hand: "Your own handwriting",
  handHelp: "A photo or scan of some lines that you wrote, 10 words or more, with dark ink. Keep the words that were separated correctly, and correct what was read.",
  drop: "Drop a photo here, or choose one",
  handWords: "Words found in the photo",
  handOn: "Write in this style",
  handOpening: "Opening the picture …",
  handReading: "Reading the words: {0} of {1}",
  handFailed: "The words could not be read. Check the connection and choose the picture again. ({0})",
  handFound: "{0} words found, {1} used.",
  handFoundOne: "{0} word found, {1} used.",
  handType: "These weights cannot read: type what each word says, and it is used.",
  handNothing: "No words were found in this picture. Try one with dark ink, more light and less around it.",
  handUnreadable: "This file is no picture that the browser can open. If it is a photo of a phone in HEIC, save it as JPEG.",
  handMissing: "These weights cannot take a style from images.",
  handUse: "Use word {0}, {1}",
  handText: "What word {0} says",
  consent: "Only use your own handwriting, or that of someone who agreed. Forging handwriting or a signature can be a crime.",
  writing: "Writing",
  temperature: "Variety of the style",
  width: "Width of letters",
  size: "Size",
  wordSpace: "Space between words",
  lineHeight: "Line height",
  paperAndInk: "Paper and ink",
  paper: "Paper",
  plain: "Plain",
  lined: "Lined",
  squared: "Squared",
  format: "Format",
  a4: "A4",
  letter: "Letter",
  a6: "Card",
  ink: "Ink",
  blue: "Blue",
  black: "Black",
  violet: "Violet",
  green: "Green",
  red: "Red",
  otherColor: "Another colour",
  private: "Nothing leaves this machine.",
  privateMore: "Text and photos stay in this browser, which writes by itself; once loaded, it writes without a network. The text is in the address of the page, so it is in this browser’s history too.",
  licenceUnknown: "The weights come from a training run; their use follows the licence of its data.",
  machine: "Weights {0}.",
  loading: "Loading the networks …",
  progress: "Writing: {0} of {1} words",
  ready: "{0} words",
  readyOne: "{0} word",
  unwritable: "Left out, for these weights have no such characters: {0}",
  rare: "Hardly seen in training, so perhaps malformed: {0}",
  pageLabel: "Page {0} of {1}, handwritten: {2}",
  notLoaded: "The page could not load its networks. Check the connection and load it again. ({0})",
  failed: "This browser cannot run the networks: {0}",
  rightToLeft: "These weights write from right to left, which this page cannot do yet; use hwgan.sample.",
  sample: "plume",
  defaultText:
    "Dear reader,\n\nno pen has touched this page. Every word is drawn while you type, in a style that is nobody’s own.\n\nChange the text, choose a style, or add a photo of your writing: the page takes on its slant, its width and its weight.",
};

export type Message = keyof typeof EN;

const FR: Record<Message, string> = {
  tagline: "Tapez, et c’est écrit à la main.",
  language: "Langue",
  text: "Votre texte",
  page: "Page",
  save: "Enregistrer ou partager la page",
  saveAs: "Enregistrer en {0}",
  copyLink: "Copier le lien",
  linkCopied: "Le lien est copié. Il contient le texte et les réglages.",
  linkWithoutHand: "Le lien est copié. Il contient le texte et les réglages, mais pas le style de votre photo.",
  linkNotCopied: "Le navigateur interdit la copie : copiez le lien de la barre d’adresse.",
  noFile: "Le fichier n’a pas pu être créé : {0}",
  smallPicture: "Enregistré à {0} points par pouce, car l’image de tant de pages serait trop grande ; PDF et SVG restent nets.",
  tooLarge: "le navigateur ne fait pas d’image aussi grande ; PDF et SVG ont toute taille.",
  tooLong: "Seuls les {0} premiers caractères sont gardés.",
  longWord: "« {0} » a plus de lettres que tout mot de l’apprentissage ({1}), et peut être mal formé.",
  cutWord: "« {0} » est coupé, car un mot a au plus {1} caractères.",
  style: "Style",
  styleName: "Style {0}",
  secondStyle: "Second style",
  seed: "Numéro de style",
  seedRange: "Un numéro de style est un nombre entier de 0 à {0}.",
  moreStyles: "D’autres styles",
  blendOn: "Mêler à un second style",
  blend: "Du premier au second style",
  hand: "Votre propre écriture",
  handHelp: "Une photo ou un scan de quelques lignes de votre main, 10 mots ou plus, à l’encre foncée. Gardez les mots bien découpés, et corrigez ce qui a été lu.",
  drop: "Déposez une photo ici, ou choisissez-en une",
  handWords: "Mots trouvés sur la photo",
  handOn: "Écrire dans ce style",
  handOpening: "Ouverture de l’image …",
  handReading: "Lecture des mots : {0} sur {1}",
  handFailed: "Les mots n’ont pas pu être lus. Vérifiez la connexion et choisissez l’image à nouveau. ({0})",
  handFound: "{0} mots trouvés, {1} utilisés.",
  handFoundOne: "{0} mot trouvé, {1} utilisé.",
  handType: "Ces poids ne savent pas lire : tapez ce que dit chaque mot, et il sera utilisé.",
  handNothing: "Aucun mot n’a été trouvé sur cette image. Essayez avec une encre foncée, plus de lumière et moins de bords.",
  handUnreadable: "Ce fichier n’est pas une image que le navigateur sache ouvrir. Si c’est une photo de téléphone en HEIC, enregistrez-la en JPEG.",
  handMissing: "Ces poids ne savent pas tirer un style d’images.",
  handUse: "Utiliser le mot {0}, {1}",
  handText: "Ce que dit le mot {0}",
  consent: "N’utilisez que votre écriture, ou celle d’une personne qui y consent. Contrefaire une écriture ou une signature peut être un délit.",
  writing: "Écriture",
  temperature: "Variété du style",
  width: "Largeur des lettres",
  size: "Taille",
  wordSpace: "Espace entre les mots",
  lineHeight: "Interligne",
  paperAndInk: "Papier et encre",
  paper: "Papier",
  plain: "Uni",
  lined: "Ligné",
  squared: "Quadrillé",
  format: "Format",
  a4: "A4",
  letter: "Letter",
  a6: "Carte",
  ink: "Encre",
  blue: "Bleu",
  black: "Noir",
  violet: "Violet",
  green: "Vert",
  red: "Rouge",
  otherColor: "Autre couleur",
  private: "Rien ne quitte cet appareil.",
  privateMore: "Texte et photos restent dans ce navigateur, qui écrit tout seul ; une fois chargé, il écrit sans réseau. Le texte est dans l’adresse de la page, donc aussi dans l’historique de ce navigateur.",
  licenceUnknown: "Les poids viennent d’un entraînement ; leur usage suit la licence de ses données.",
  machine: "Poids {0}.",
  loading: "Chargement des réseaux …",
  progress: "Écriture : {0} mots sur {1}",
  ready: "{0} mots",
  readyOne: "{0} mot",
  unwritable: "Omis, car ces poids n’ont pas ces caractères : {0}",
  rare: "Peu vus à l’entraînement, donc peut-être mal formés : {0}",
  pageLabel: "Page {0} sur {1}, manuscrite : {2}",
  notLoaded: "La page n’a pas pu charger ses réseaux. Vérifiez la connexion et rechargez-la. ({0})",
  failed: "Ce navigateur ne peut pas exécuter les réseaux : {0}",
  rightToLeft: "Ces poids écrivent de droite à gauche, ce que cette page ne sait pas encore faire ; utilisez hwgan.sample.",
  sample: "plume",
  defaultText:
    "Chère lectrice, cher lecteur,\n\naucune plume n’a touché cette page. Chaque mot se trace pendant que vous tapez, dans un style qui n’est celui de personne.\n\nChangez le texte, choisissez un style, ou ajoutez une photo de votre écriture : la page en prendra l’inclinaison, la largeur et la graisse.",
};

export type Language = "en" | "fr";
const MOST_NAMES = 20; // characters in a note
const MESSAGES: Record<Language, Record<Message, string>> = { en: EN, fr: FR };
let language: Language = navigator.language.toLowerCase().startsWith("fr") ? "fr" : "en";

export function currentLanguage(): Language {
  return language;
}

export function say(message: Message, ...values: (string | number)[]): string {
  return MESSAGES[language][message].replace(/\{(\d)\}/g, (_, i) => String(values[Number(i)]));
}

/** A message whose first value is a number, in the singular or the plural of the language. */
export function sayCount(message: "ready" | "handFound", count: number, ...values: number[]): string {
  const isOne = new Intl.PluralRules(language).select(count) === "one";
  return say(isOne ? `${message}One` : message, count, ...values);
}

/** Characters for a note: those that cannot be seen by their code points, and not more than a few. */
export function namesOf(characters: string[]): string {
  const names = characters.map((character) =>
    /[\p{C}\p{M}\p{Z}]/u.test(character)
      ? `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`
      : character,
  );
  const more = names.length - MOST_NAMES;
  return names.slice(0, MOST_NAMES).join(" ") + (more > 0 ? ` … (+${more})` : "");
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function isDefaultText(text: string): boolean {
  return Object.values(MESSAGES).some((messages) => messages.defaultText === text);
}

/** Writes the texts and labels of the page in a language. */
export function translatePage(chosen: Language): void {
  language = chosen;
  document.documentElement.lang = chosen;
  for (const element of document.querySelectorAll<HTMLElement>("[data-text]")) {
    element.textContent = say(element.dataset["text"] as Message);
  }
  for (const element of document.querySelectorAll<HTMLElement>("[data-label]")) {
    element.setAttribute("aria-label", say(element.dataset["label"] as Message));
  }
  for (const button of document.querySelectorAll<HTMLElement>("[data-download]")) {
    button.setAttribute("aria-label", say("saveAs", button.textContent));
  }
  for (const button of document.querySelectorAll<HTMLElement>("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset["language"] === chosen));
  }
}
