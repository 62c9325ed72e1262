"""Reports for those who manage an organisation."""

from starlette.responses import Response

from bff.http import endpoint, path_id, session_of
from bff.responses import success
from bff.schemas.reports import UtilizationQuery, UtilizationReport
from bff.state import Request


@endpoint(
    "GET",
    "/api/v1/organizations/{org}/reports/utilization",
    summary="How much the assets were booked between two times (managers and above)",
    description="Months begin at midnight in the organisation's zone; days and nights are each asset's own.",
    tag="reports",
    query=UtilizationQuery,
    response=UtilizationReport,
    errors=("FORBIDDEN", "NOT_FOUND"),
)
async def read_utilization(request: Request, query: UtilizationQuery) -> Response:
    """One call to `utilization_report`."""
    arguments = {
        "p_organization_id": path_id(request, "org"),
        "p_from": query.from_,
        "p_to": query.to,
        "p_group_by": query.group_by,
        "p_section": query.section,
    }
    report = await session_of(request).rpc("utilization_report", arguments, UtilizationReport, safe=True)
    return success(request, report)


ENDPOINTS = (read_utilization,)
