"use strict";

const KEY = "okr-api-key";
const examples = [
  `# What the group wants to reach, and how each is measured.
query Roots {
  objectives(first: 5, filter: { root: true }, orderBy: TITLE_ASC) {
    totalCount
    nodes {
      title
      progress
      health
      unit { name }
      owner { name }
      keyResults {
        nodes {
          title
          currentValue
          targetValue
          progress
          latestCheckIn { observedAt comment }
        }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}
`,
  `# The first objective of the demo, and those that support it.
query Tree {
  objective(ref: "external:MT-AVL-01") {
    ...Node
    children {
      nodes {
        ...Node
        children { nodes { ...Node children { nodes { ...Node } } } }
      }
    }
  }
}

fragment Node on Objective {
  title
  progress
  unit { name }
  owner { name }
  keyResults { nodes { title progress latestCheckIn { value } } }
}
`,
  `# Why its progress is what it is.
query Why {
  explainObjective(ref: "external:MT-AVL-01", limit: 5) {
    objective { title progress }
    contributors {
      kind
      title
      share
      progress
      withheld
      path { title }
    }
    others { count withheld }
  }
}
`,
  `# The group's companies: who works there, and how many objectives they have.
query Units {
  units(first: 1, filter: { kind: [GROUP] }) {
    nodes {
      name
      children(orderBy: NAME_ASC) {
        nodes {
          name
          manager { name }
          people { totalCount }
          objectives(filter: { state: [ACTIVE] }) { totalCount }
        }
      }
    }
  }
}
`,
  `# Report a value; everything above moves in the same transaction.
mutation Report {
  recordCheckIn(
    input: {
      keyResultId: "external:MT-GACH-KD-01/KR1"
      value: 51
      confidence: ON_TRACK
    }
  ) {
    checkIn {
      value
      keyResult {
        title
        progress
        objective {
          title
          progress
          parent { title progress }
        }
      }
    }
    errors { code path message }
  }
}
`,
  `# What moves as values are reported: run this, then report a value in another window.
subscription Moves {
  progressChanged(under: "external:MT-AVL-01") {
    before
    after
    objective { title progress unit { name } }
  }
}
`,
];

// A subscription is answered by a stream of events, all else at once.
async function* fetcher(params, options = {}) {
  const key = sessionStorage.getItem(KEY);
  if (!key) {
    yield { errors: [{ message: "Put an API key in the field above and press Use." }] };
    return;
  }
  const stopping = new AbortController();
  try {
    const response = await fetch("graphql", {
      method: "POST",
      headers: {
        Accept: "application/graphql-response+json, text/event-stream",
        "Content-Type": "application/json",
        Authorization: `Bearer ${key}`,
        ...options.headers,
      },
      body: JSON.stringify(params),
      signal: stopping.signal,
    });
    const isStream = response.headers.get("Content-Type").startsWith("text/event-stream");
    if (isStream) yield* told(response.body);
    else yield await response.json();
  } finally {
    stopping.abort();
  }
}

async function* told(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const events = (text + value).split("\n\n");
    text = events.pop();
    for (const event of events) {
      const data = event.split("\n").find((line) => line.startsWith("data: "));
      if (data && data.length > 6) yield JSON.parse(data.slice(6));
    }
  }
}

const root = ReactDOM.createRoot(document.getElementById("graphiql"));

function show() {
  root.render(
    React.createElement(GraphiQL, {
      key: sessionStorage.getItem(KEY) || "nobody",
      fetcher,
      defaultTabs: examples.map((query) => ({ query })),
    }),
  );
}

document.getElementById("who").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, document.getElementById("key").value.trim());
  show();
});
show();
