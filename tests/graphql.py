"""What the Dagster UI asks its backend, and what a scheduler of one's own would."""

import json
import time
import urllib.request
from collections.abc import Sequence
from typing import Any

from tests.webserver import LOCATION

LAUNCH_BACKFILL = """mutation($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on Error { message }
} }"""
REEXECUTE_BACKFILL = """mutation($params: ReexecutionParams!) {
  reexecutePartitionBackfill(reexecutionParams: $params) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on Error { message }
} }"""
BACKFILL = """query($id: String!) { partitionBackfillOrError(backfillId: $id) {
  ... on PartitionBackfill { status error { message } runs { runId status tags { key value } } }
} }"""
LAUNCH_RUN = """mutation($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on Error { message }
} }"""
TERMINATE_RUN = """mutation($id: String!) {
  terminateRun(runId: $id) { __typename ... on TerminateRunFailure { message } }
}"""
RUN = """query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"""
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}


class Backend:
    """The GraphQL interface of a running `dagster dev`."""

    def __init__(self, url: str):
        self._url = f"{url}/graphql"

    def ask(self, query: str, **variables: Any) -> Any:
        """The only field of the answer to a query."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer
        [field] = answer["data"].values()
        return field

    def backfill(self, assets: Sequence[Sequence[str]], **partitions: Any) -> str:
        """Launch a backfill (`allPartitions=True` or `partitionNames=[...]`); returns its id."""
        params = {"assetSelection": [{"path": list(path)} for path in assets], **partitions}
        return self._launched(self.ask(LAUNCH_BACKFILL, params=params))

    def reexecute_from_failure(self, backfill: str) -> str:
        """Launch what a backfill has not materialized; returns the id of the new backfill."""
        params = {"parentRunId": backfill, "strategy": "FROM_FAILURE"}
        return self._launched(self.ask(REEXECUTE_BACKFILL, params=params))

    def run(self, assets: Sequence[Sequence[str]], partition: str) -> str:
        """Launch one run over one partition, as "Materialize" in the UI does; returns its id."""
        params = {
            "mode": "default",
            "selector": {
                "repositoryLocationName": LOCATION,
                "repositoryName": "__repository__",
                "pipelineName": "__ASSET_JOB",
                "assetSelection": [{"path": list(path)} for path in assets],
            },
            "executionMetadata": {"tags": [{"key": "dagster/partition", "value": partition}]},
        }
        answer = self.ask(LAUNCH_RUN, params=params)
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return answer["run"]["runId"]

    def terminate(self, run: str) -> None:
        """Stop a run, as "Terminate" in the UI does."""
        answer = self.ask(TERMINATE_RUN, id=run)
        assert answer["__typename"] == "TerminateRunSuccess", answer

    def wait_for_backfill(self, backfill: str, seconds: float = 900) -> dict[str, Any]:
        """The backfill once it has ended."""
        return self._wait(
            lambda: self.ask(BACKFILL, id=backfill),
            lambda found: (
                found["status"] not in ("REQUESTED", "CANCELING")
                and all(run["status"] in ENDED for run in found["runs"])
            ),
            seconds,
        )

    def wait_for_run(self, run: str, seconds: float = 600) -> str:
        """The status of a run once it has ended."""
        found = self._wait(
            lambda: self.ask(RUN, id=run), lambda found: found["status"] in ENDED, seconds
        )
        return str(found["status"])

    def _launched(self, answer: dict[str, Any]) -> str:
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        return str(answer["backfillId"])

    def _wait(self, ask: Any, ended: Any, seconds: float) -> Any:
        deadline = time.monotonic() + seconds
        while not ended(found := ask()):
            assert time.monotonic() < deadline, found
            time.sleep(1)
        return found
