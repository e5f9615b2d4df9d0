/* Every word the widget itself says. A language is one more entry; a missing key falls back to English. */

const STRINGS = {
  en: {
    title: "Chat with {name}",
    state_assistant: "Assistant · answers at once",
    state_waiting: "Waiting for a person",
    state_person: "A person is answering you",
    state_closed: "This conversation is closed",
    role_assistant: "assistant",
    close: "Close chat",
    log: "Conversation",
    label: "Your message",
    placeholder: "Write a message…",
    send: "Send",
    person: "Talk to a person",
    person_hint: "Talk to a person (Alt+P)",
    person_asked: "A person has been asked to join. You can keep writing; nothing gets lost.",
    person_joined: "{name} is here for you.",
    you: "You",
    said_you: "You said:",
    said: "{name} said:",
    notice: "Notice:",
    typing: "{name} is writing…",
    source: "Source:",
    sources: "Sources:",
    open_source: "Open the page",
    today_join: "{name} joined the conversation",
    back_to_assistant: "{name} is answering again",
    resolved: "This conversation was closed. Write again and it opens again.",
    offline: "You are offline; your message will be sent when you are back.",
    reconnecting: "Connecting…",
    pending: "Waiting to be sent",
    sending: "Sending…",
    failed: "Not sent: {why}",
    failed_why: "the message was refused.",
    edit: "Edit",
    discard: "Discard",
    newest: "New messages",
    too_long: "That is longer than {max} characters; please send it in parts.",
    signed_out: "You have been signed out of this chat; it starts afresh.",
    trouble: "The chat could not start. It keeps trying.",
  },
};

const RIGHT_TO_LEFT = new Set(["ar", "dv", "fa", "he", "ku", "ps", "ur", "yi"]);

/** {say, locale, direction} for a BCP 47 tag; an unknown language speaks English, with the reader's own way of telling time. */
export function speak(tag) {
  const wanted = (tag || "en").split("-")[0].toLowerCase();
  const spoken = STRINGS[wanted] ? wanted : "en";
  const words = { ...STRINGS.en, ...STRINGS[spoken] };
  return {
    locale: [tag, navigator.language, "en"].find((each) => each?.includes("-") && each.split("-")[0].toLowerCase() === spoken) ?? spoken,
    direction: RIGHT_TO_LEFT.has(spoken) ? "rtl" : "ltr",
    say: (key, values = {}) => words[key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? ""),
  };
}
