/* The demo shop's own script. A real shop would do the same two things: sign in on its server, and call
   Nightdesk("shutdown") at logout so that the next person at this browser starts afresh. */

async function post(path, body) {
  const response = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.signIn) {
    await post("/demo/sign-in", { customer_id: button.dataset.signIn });
    location.reload();
  } else if ("signOut" in button.dataset) {
    window.Nightdesk?.("shutdown");
    await post("/demo/sign-out", {});
    location.reload();
  } else if ("chat" in button.dataset) {
    window.Nightdesk?.("show");
  }
});
