// Questions to the server.

async function answer(response) {
  const found = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(found.error ?? `the server answered ${response.status}`);
  return found;
}

async function get(address, signal) {
  let response;
  try {
    response = await fetch(address, { signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("the server does not answer; is tshirt-assets explore running?");
  }
  return answer(response);
}

const q = (query) => `q=${encodeURIComponent(JSON.stringify(query))}`;

export const corpus = () => get("api/corpus");
export const rows = (query, signal) => get(`api/rows?${q(query)}`, signal);
export const points = (plane) => get(`api/points/${plane}`);
export const marks = (plane, query, signal) => get(`api/marks/${plane}?${q(query)}`, signal);
export const place = (at) => get(`api/place/${at}`);
export const row = (id, at, whole) =>
  get(`api/row/${encodeURIComponent(id)}?${at === undefined ? "" : `at=${at}&`}${whole ? "whole" : ""}`);

export async function judge(sampleId, said) {
  const token = document.querySelector('meta[name="token"]').content;
  return answer(await fetch("api/judgements", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Explore-Token": token },
    body: JSON.stringify({ judgements: [{ sample_id: sampleId, ...said }] }),
  }));
}
