package locals3

import (
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/s3err"
)

// strict refuses what the gateway would accept and not do, or do and should
// not: encryption it hasn't got, and deletion in spite of a lock.
func strict(c fiber.Ctx) error {
	for name := range c.GetReqHeaders() {
		switch name = strings.ToLower(name); {
		case strings.HasPrefix(name, "x-amz-server-side-encryption"),
			strings.HasPrefix(name, "x-amz-copy-source-server-side-encryption"):
			return refuse(c, s3err.GetAPIError(s3err.ErrNotImplemented))
		case name == "x-amz-bypass-governance-retention":
			return refuse(c, s3err.APIError{
				Code:           "AccessDenied",
				Description:    "This server lets nobody bypass a retention.",
				HTTPStatusCode: http.StatusForbidden,
			})
		}
	}
	return c.Next()
}

func refuse(c fiber.Ctx, e s3err.APIError) error {
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationXML)
	return c.Status(e.HTTPStatusCode).Send(e.XMLBody("", ""))
}
